"""A pilot's script asks Slurm for what was asked for, holds no secret, and refuses what would become another line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from core.cluster.access import ClusterError, make_token, read_token
from core.cluster.here import write_here
from core.cluster.slurm import Pilot, submit, write_script
from core.system.processes import identify
from tests.core.cluster.test_here import make

PILOT = Pilot(nodes=4, gpus=1, time="4:00:00", partition="short")


@pytest.fixture
def head(runs: Path) -> Path:
    """A runs folder whose machine is the head of a cluster."""
    make_token(runs)
    write_here(runs, make(address="10.0.0.5:6379", keeper=identify(os.getpid())))
    return runs


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Slurm's command that keeps what it was given."""
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat > {tmp_path}/script\necho "17;lab"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path


def test_the_script_asks_for_what_was_asked_for(head: Path) -> None:
    lines = write_script(head, PILOT).splitlines()
    assert lines[0] == "#!/bin/bash"
    asked = {line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")}
    assert {"--array=1-4", "--gres=gpu:1", "--time=4:00:00", "--partition=short", "--cpus-per-task=1"} <= asked
    assert any("cluster join 10.0.0.5:6379" in line for line in lines)
    without = write_script(head, Pilot(nodes=1, gpus=0, time="30"))
    assert "--gres" not in without
    assert "--partition" not in without
    subprocess.run(["bash", "-n"], input=without, text=True, check=True)


def test_the_script_names_the_token_and_does_not_hold_it(head: Path) -> None:
    script = write_script(head, PILOT)
    assert str(head / ".cluster" / "token") in script
    assert read_token(head) not in script


@pytest.mark.parametrize(
    ("pilot", "told"),
    [
        (Pilot(0, 1, "1:00:00"), "--nodes 0"),
        (Pilot(1, -1, "1:00:00"), "--gpus"),
        (Pilot(1, 1, "1:00:00", cpus=0), "--cpus"),
        (Pilot(1, 1, "soon"), "--time soon"),
        (Pilot(1, 1, "1:00:00\n#SBATCH --uid=0"), "--time"),
        (Pilot(1, 1, "1:00:00", partition="a\n#SBATCH --uid=0"), "--partition"),
    ],
)
def test_what_slurm_would_not_take_is_named(head: Path, pilot: Pilot, told: str) -> None:
    with pytest.raises(ClusterError, match=told):
        write_script(head, pilot)


@pytest.mark.parametrize("time", ["30", "90:00", "4:00:00", "1-12", "1-12:30", "1-12:30:00"])
def test_times_are_written_as_for_sbatch(time: str) -> None:
    Pilot(1, 1, time).check()


def test_without_a_cluster_there_is_nothing_to_join(runs: Path) -> None:
    with pytest.raises(ClusterError, match="core cluster up"):
        write_script(runs, PILOT)


def test_it_is_handed_to_slurm_as_it_is(head: Path, sbatch: Path) -> None:
    script = write_script(head, PILOT)
    assert submit(script) == "17"
    assert (sbatch / "script").read_text() == script
    assert (sbatch / "arguments").read_text() == "--parsable\n"


def test_slurms_refusal_is_told_in_its_words(sbatch: Path) -> None:
    (sbatch / "bin" / "sbatch").write_text("#!/bin/sh\necho 'invalid partition specified: short' >&2\nexit 1\n")
    with pytest.raises(ClusterError, match="Slurm refused: invalid partition"):
        submit("")


def test_a_machine_without_slurm_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ClusterError, match="no `sbatch`"):
        submit("")
