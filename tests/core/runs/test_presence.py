"""A run with a worker on its way is queued, but not for ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from core.launch import launcher
from core.runs import presence
from core.runs.folder import Run
from core.system import files, processes


def test_a_launch_that_nobody_follows_is_queued_for_ten_seconds(run: Run) -> None:
    assert run.state() == "queued"
    os.utime(run.path / "launched", (time.time() - 11,) * 2)
    assert run.state() == "interrupted"


def test_a_worker_that_died_on_its_way_leaves_the_run_interrupted_at_once(run: Run) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        presence.mark_launch(run.path, child.pid)
        assert run.state() == "queued"
        child.kill()
        # Not waited for yet: a zombie is no worker either.
        end_by = time.monotonic() + 3
        while run.state() != "interrupted":
            assert time.monotonic() < end_by
    assert run.state() == "interrupted"


ELSEWHERE = {"process": {"pid": 7, "started": 1, "boot": "another", "host": "node07"}}


def test_a_worker_on_another_machine_is_known_by_its_signs_of_life(interrupted: Run) -> None:
    """Where each machine has locks of its own, its lock looks free here."""
    path = interrupted.path / "worker.json"
    files.write_json(path, ELSEWHERE)
    files.write_json(interrupted.path / "environment.json", {})
    assert interrupted.state() == "running"
    assert presence.is_waiting(interrupted.path)
    os.utime(path, (time.time() - 61,) * 2)
    assert interrupted.state() == "interrupted"
    presence.beat(interrupted.path)
    assert interrupted.state() == "running"
    presence.rest(interrupted.path)
    assert interrupted.state() == "interrupted"


@pytest.mark.parametrize("change", [{"host": processes.host_name()}, {"boot": processes.boot_id()}, {"host": None}])
def test_a_worker_of_this_machine_is_known_by_its_lock_alone(interrupted: Run, change: dict) -> None:
    files.write_json(interrupted.path / "worker.json", {"process": ELSEWHERE["process"] | change})
    assert interrupted.state() == "interrupted"


def test_a_run_that_another_machine_trains_is_neither_resumed_nor_deleted_nor_ended_here(
    interrupted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "STOP_SECONDS", 0.0)
    files.write_json(interrupted.path / "worker.json", ELSEWHERE)
    files.write_json(interrupted.path / "environment.json", {})
    for act, refusal in (
        (launcher.resume_run, "already running"),
        (launcher.kill_run, "trains on the machine node07"),
        (launcher.delete_run, "Another machine trains this run"),
    ):
        with pytest.raises(launcher.LauncherError, match=refusal):
            act(interrupted.id)
    assert interrupted.path.is_dir()
    assert launcher.request_stop(interrupted.id)


def test_a_rival_that_goes_on_is_told_from_one_that_was_killed(
    interrupted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.3)
    files.write_json(interrupted.path / "worker.json", ELSEWHERE)
    assert presence.find_rival(interrupted.path, lambda: False) == ""
    looks = iter(range(100))
    # Its clock is half an hour ahead; at the second look it has given another sign.
    ahead = time.time() + 1800
    os.utime(interrupted.path / "worker.json", (ahead, ahead))

    def look() -> bool:
        os.utime(interrupted.path / "worker.json", (ahead + next(looks),) * 2)
        return False

    assert presence.find_rival(interrupted.path, look) == "node07"


@pytest.mark.parametrize("change", ["ended", "copied"])
def test_a_folder_that_was_copied_from_another_machine_does_not_look_alive(interrupted: Run, change: str) -> None:
    """Copying gives its files new times, as signs of life do."""
    path, number = interrupted.path / "worker.json", interrupted.path.stat().st_ino
    files.write_json(path, ELSEWHERE | {"folder": number})
    assert presence.is_held(interrupted.path)
    if change == "ended":
        files.write_json(interrupted.path / "end.json", {"state": "finished"})
    else:
        files.write_json(path, ELSEWHERE | {"folder": number + 1})
    assert not presence.is_held(interrupted.path)


def test_an_ended_runs_folder_can_be_packed_by_anybody(interrupted: Run, tmp_path: Path) -> None:
    """A zip knows no times before 1980."""
    files.write_json(interrupted.path / "worker.json", ELSEWHERE)
    presence.rest(interrupted.path)
    assert Path(shutil.make_archive(str(tmp_path / "kept"), "zip", interrupted.path)).is_file()
