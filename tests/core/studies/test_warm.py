"""What a worker of a study keeps and changes between two trials."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from core.studies.warm import TrialStop, load_once, log_into
from tests.core.workers import tiny_spec


def test_output_of_any_kind_goes_into_the_log_until_the_trial_ends(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", os.fdopen(1, "w", closefd=False))  # as in a worker, with text not yet written
    log = tmp_path / "log.txt"
    log.write_text("earlier\n")
    print("before")
    with suppress(ValueError), log_into(log):
        print("Python")
        os.write(2, b"native\n")
        subprocess.run(["echo", "a child"], check=True)
        raise ValueError("over")
    print("after", flush=True)
    assert sorted(log.read_text().splitlines()) == ["Python", "a child", "earlier", "native"]
    assert capfd.readouterr().out.splitlines() == ["before", "after"]


def test_no_file_stays_open_between_trials(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with log_into(tmp_path / "log.txt"):
            pass
    assert os.listdir("/proc/self/fd") == before


def test_images_are_read_once(lab_folders: Path) -> None:
    spec = tiny_spec().data
    assert load_once(spec) is load_once(spec.model_copy())
    assert load_once(spec.model_copy(update={"max_train_images": 64})) is not load_once(spec)


@pytest.fixture
def stop(tmp_path: Path) -> TrialStop:
    for name in ("run", "study"):
        (tmp_path / name).mkdir()
    return TrialStop(tmp_path / "run", tmp_path / "study")


@pytest.mark.parametrize(
    ("file", "waiting", "training"),
    [("study/stop", True, False), ("study/stop-now", True, True), ("run/stop", True, True)],
)
def test_a_pause_lets_a_trial_end_that_has_begun(
    stop: TrialStop, tmp_path: Path, file: str, waiting: bool, training: bool
) -> None:
    assert not stop.is_set()
    (tmp_path / file).touch()
    stop.begun = True
    assert stop.is_set() is training
    stop.begun = False
    assert stop.is_set() is waiting


@pytest.mark.parametrize(("file", "by_study"), [("study/stop-now", True), ("run/stop", False)])
def test_a_trial_knows_who_stopped_it_also_where_the_study_was_resumed_since(
    stop: TrialStop, tmp_path: Path, file: str, by_study: bool
) -> None:
    stop.begun = True
    (tmp_path / file).touch()
    assert stop.is_set()
    (tmp_path / file).unlink()
    assert stop.is_request()
    assert stop.by_study is by_study


def test_the_machines_shutdown_is_nobodys_wish(stop: TrialStop) -> None:
    stop.hear(signal.SIGTERM)
    assert stop.is_set()
    assert not stop.is_request()
