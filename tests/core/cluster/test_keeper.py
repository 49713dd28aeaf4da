"""Ray is started with what was promised, is started again when it ends, and goes when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.cluster import keeper
from core.cluster.access import make_token, read_token
from core.cluster.here import find_own, write_here
from core.cluster.keeper import ray_command
from core.machine.versions import fit_name
from core.system.folders import PROJECT
from tests.core.cluster.test_here import make
from tests.core.workers import wait_for


def test_a_head_opens_no_dashboard_tells_no_statistics_and_names_its_versions() -> None:
    command = ray_command(make(address="127.0.0.1:6380"))
    assert command[1:3] == ["start", "--head"]
    assert {"--include-dashboard=false", "--disable-usage-stats", "--port=6380", "--num-cpus=0"} <= set(command)
    assert f'--resources={{"{fit_name()}": {keeper.PLACES}}}' in command
    assert '"health_check_failure_threshold": 3' in " ".join(command)


def test_a_node_joins_its_head_with_what_it_gives() -> None:
    command = ray_command(make(kind="node", address="10.0.0.5:6379", own_address="10.0.0.6", cpus=8, gpus=2))
    assert {"--address=10.0.0.5:6379", "--node-ip-address=10.0.0.6", "--num-cpus=8", "--num-gpus=2"} <= set(command)
    assert "--head" not in command


def test_no_command_holds_the_token(runs: Path) -> None:
    make_token(runs)
    assert read_token(runs) not in " ".join(ray_command(make()))


def test_without_a_token_nothing_is_started(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keeper.main() == 1
    write_here(runs, make())
    assert keeper.main() == 1
    assert "no token" in capsys.readouterr().out


_STAND_IN = """
import sys
from core.cluster import keeper
keeper.ray_command = lambda here: ["http.server", "0", "--bind", "127.0.0.1"]
sys.exit(keeper.main())
"""


def test_what_cannot_start_is_not_tried_for_ever(runs: Path) -> None:
    make_token(runs)
    write_here(runs, make(kind="node", folder=str(runs / "ray")))
    code = _STAND_IN.replace('"http.server", "0"', '"http.server", "no-port"')
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=60, check=False).returncode == 2


def test_what_ends_is_started_again_and_sigterm_ends_all(runs: Path) -> None:
    """With another server in Ray's place, which starts sooner."""
    make_token(runs)
    write_here(runs, make(kind="node", folder=str(runs / "ray")))
    with subprocess.Popen([sys.executable, "-c", _STAND_IN], cwd=PROJECT, env={**os.environ}) as process:
        wait_for(lambda: len(find_own(runs)) == 1)
        (first,) = find_own(runs)
        # The C library cuts its settings apart where they stand.
        one_arena = sys.platform != "linux" or b"arena_max=1" in Path(f"/proc/{first.pid}/environ").read_bytes()
        (runs / "ray" / keeper.LAST_HEAD).write_text("10.0.0.5:6379")  # as Ray does: it would refuse to start again
        first.kill()
        wait_for(lambda: [each.pid for each in find_own(runs)] not in ([], [first.pid]))
        assert not (runs / "ray" / keeper.LAST_HEAD).exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert find_own(runs) == []
    assert one_arena
