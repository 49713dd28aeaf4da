"""What is no file of the run, or no record of its kind, damages that run alone and is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.store import open_run
from tests.core.workers import tiny_spec
from tests.made_runs import create_run

ODD = {
    "metrics.jsonl": [
        b'{"epoch": "x"}\n',
        b'{"epoch": 1.5}\n',
        b'{"epoch": 1, "seconds": "long"}\n',
        b'{"epoch": 1, "val/accuracy": [0.5]}\n',
        b'{"epoch": 1, "val/loss": true}\n',
        b'{"epoch": 1, "val/loss": 1e999}\n',
        b'{"epoch": 1, "not_finite": 3}\n',
        b'{"epoch": 1' + b"0" * 400 + b"}\n",
    ],
    "end.json": [
        b'{"state": "finished", "metrics": []}',
        b'{"state": "finished", "metrics": {"test/accuracy": "high"}}',
        b'{"state": ["finished"]}',
        b'{"state": "failed", "reason": {}}',
        b'{"state": "finished", "ended": "now"}',
        b"[]",
    ],
    "environment.json": [
        b'{"class_names": 3}',
        b'{"device": ["cpu"]}',
        b'{"notes": "one"}',
        b'{"val_images": -1}',
        b'{"mean": []}',
        b'{"started": 1e300}',
    ],
    "about.json": [b'{"name": "A run", "created": "yesterday"}', b'{"tags": [3]}', b'{"created": 1e300}'],
    "spec.json": [b"[]", b'{"train": 3}', b'{"model": {"layers": "two"}}'],
}


@pytest.mark.parametrize(("name", "content"), [(name, each) for name, contents in ODD.items() for each in contents])
def test_a_file_of_other_types_damages_its_run_alone_and_is_named(runs: Path, name: str, content: bytes) -> None:
    sound, broken = create_run(tiny_spec()), open_run(create_run(tiny_spec()))
    (broken.path / name).write_bytes(content)
    listed = {summary.id: summary for summary in list_runs()}
    assert listed[sound].state == "queued"
    assert listed[broken.id].state == "damaged"
    assert listed[broken.id].reason.startswith(name)


@pytest.mark.parametrize("name", ["progress.json", "worker.json", "death.json"])
@pytest.mark.parametrize("content", [b'{"process": 3, "epoch": "x", "seconds": []}', b"[]", b"3"])
def test_a_passing_note_of_other_types_counts_as_missing(interrupted: Run, name: str, content: bytes) -> None:
    (interrupted.path / name).write_bytes(content)
    assert interrupted.summary().state == "interrupted"
    assert (interrupted.progress(), interrupted.worker(), interrupted.crash()) == (None, None, None)


@pytest.mark.parametrize("name", ["about.json", "spec.json", "end.json", "environment.json", "metrics.jsonl"])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_file_of_the_run_damages_it_and_holds_nobody_up(runs: Path, name: str, kind: str) -> None:
    sound, broken = create_run(tiny_spec()), open_run(create_run(tiny_spec()))
    path = broken.path / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(open_run(sound).path / name)
    else:
        path.mkdir()
    listed = {summary.id: summary for summary in list_runs()}
    assert (listed[sound].state, listed[broken.id].state) == ("queued", "damaged")
    assert name in listed[broken.id].reason


@pytest.mark.parametrize("name", ["log.txt", "launched", "stop", "worker.json"])
def test_a_pipe_in_place_of_any_file_damages_its_run_and_holds_nobody_up(runs: Path, name: str) -> None:
    broken = open_run(create_run(tiny_spec()))
    (broken.path / name).unlink(missing_ok=True)
    os.mkfifo(broken.path / name)
    (listed,) = list_runs()
    assert (listed.state, listed.reason) == ("damaged", f"{name} is no regular file of the run")
    assert broken.log_tail() == ""
