"""Why a process ended without saying so itself: what is known decides what is said."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from core.runs.crashes import explain_crash, note_crash
from core.runs.folder import Run
from core.system import processes

WORKER = {"process": processes.identify(os.getpid()), "oom_kills": 7}


@pytest.mark.parametrize(
    ("status", "kills", "sentence"),
    [
        (-signal.SIGKILL, 8, "Out of memory: the system killed its process."),
        (-signal.SIGKILL, 7, "Its process was killed from outside."),
        (-signal.SIGKILL, None, "Its process was killed from outside."),
        (-signal.SIGSEGV, 8, "Its process was ended by SIGSEGV (segmentation fault)."),
        (-signal.SIGTERM, 7, "Ended by the system (SIGTERM)"),
        (1, 7, "Its process ended before it could say why (status 1)."),
    ],
)
def test_a_crash_that_the_parent_saw_is_reported_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, kills: int | None, sentence: str
) -> None:
    monkeypatch.setattr(processes, "count_oom_kills", lambda: kills)
    note_crash(tmp_path, WORKER["process"], status)
    run = Run(tmp_path)
    assert explain_crash(WORKER, None, run.crash()).startswith(sentence)
    assert explain_crash(WORKER, {"oom_kills": 7}, run.crash()).startswith(sentence)
    # Another life of the run is not spoken of.
    monkeypatch.setattr(processes, "count_oom_kills", lambda: 7)
    later = {"process": {**WORKER["process"], "pid": 1}, "oom_kills": 7}
    assert "without saying why" in explain_crash(later, None, run.crash())


@pytest.mark.parametrize(
    ("process", "progress", "kills", "sentence"),
    [
        ({}, {"oom_kills": 9}, 9, "Its process ended without saying why: it was killed, or it crashed."),
        (
            {},
            {"oom_kills": 9},
            10,
            "Probably out of memory: its process is gone, and since then the system has killed a",
        ),
        ({}, None, 10, "Probably out of memory"),
        ({}, None, None, "Its process ended without saying why: it was killed, or it crashed."),
        ({"boot": "another"}, None, 8, "The machine went down or was restarted."),
        ({"host": "elsewhere"}, None, 8, "Its process ended without saying why: killed, out of memory, or the machine"),
    ],
)
def test_a_crash_that_nobody_saw_is_explained_as_far_as_it_is_known(
    monkeypatch: pytest.MonkeyPatch, process: dict, progress: dict | None, kills: int | None, sentence: str
) -> None:
    monkeypatch.setattr(processes, "count_oom_kills", lambda: kills)
    worker = {**WORKER, "process": {**WORKER["process"], **process}}
    assert explain_crash(worker, progress, None).startswith(sentence)
