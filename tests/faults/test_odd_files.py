"""Whatever stands in place of a run's file, that run alone is damaged, with the file named; it can still be deleted."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.compare.snapshot import look_at
from core.examine.weights import ExamineError, require_sound
from core.export.make import export_runs
from core.launch.launcher import LauncherError, delete_run, resume_run
from core.runs import layout, results
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import DamagedRunError
from core.runs.store import open_run
from core.system import files
from tests.core.cli.commands import run_command
from tests.examined import make_examined
from tests.pages.conftest import texts
from tests.pages.sample_runs import add_checkpoint

NAMES = [
    *("spec.json", "about.json", "environment.json", "progress.json", "metrics.jsonl", "log.txt", "end.json"),
    *("steps.jsonl", "use.jsonl", "foreign.json", "series.bin", "branch.json", "root.safetensors", "root.pt"),
    *(
        "worker.json",
        "death.json",
        "forecast.json",
        "told.json",
        "doctor.json",
        "place.json",
        "robustness.json",
        "run.lock",
        "control.lock",
        "launched",
        "stop",
    ),
]
INSIDE = ["checkpoints/manifest.json", "checkpoints/last.safetensors", "predictions/val_best.npy"]
ENTRY = {"name": "last.safetensors", "epoch": 4, "bytes": 7, "kind": "last"}
SECRET = '{"secret": "of the outside"}'


def put_folder(path: Path) -> None:
    path.mkdir()


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_link(path: Path) -> None:
    (outside := path.parents[1 if path.parent.name.startswith("2") else 2] / "outside").write_text(SECRET)
    path.symlink_to(outside)


def put_loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.fixture
def odd(lab_folders: Path) -> Run:
    run = make_examined(name="odd")
    add_checkpoint(run, epoch=4)
    make_examined(name="good")
    return run


KINDS = (put_folder, put_pipe, put_link, put_loop)


def copy_odd(odd: Run) -> dict[str, tuple[str, Callable[[Path], None]]]:
    """A run for each file and each kind of thing in its place: the name and the kind by its id."""
    made = {}
    for number, (name, kind) in enumerate(itertools.product([*NAMES, *INSIDE], KINDS)):
        run_id = f"20250101-{number:06d}-000-abcdef"
        path = odd.path.parent / run_id
        shutil.copytree(odd.path, path)
        (path / name).unlink(missing_ok=True)
        kind(path / name)
        made[run_id] = (name, kind)
    return made


def test_an_odd_file_damages_its_run_alone(odd: Run) -> None:
    made = copy_odd(odd)
    listed = {summary.id: summary for summary in list_runs()}
    assert len(listed) == len(made) + 2
    assert {listed.pop(run_id).state for run_id in set(listed) - set(made)} == {"finished"}
    for run_id, summary in listed.items():
        name, kind = made[run_id]
        if kind is put_folder and name in INSIDE:
            assert summary.state == "finished"  # what the folder holds apart from these is whole
        else:
            assert (summary.state, Path(name).name in summary.reason) == ("damaged", True), (name, kind, summary.reason)
    for run_id in made:
        delete_run(run_id)
    assert len(list_runs()) == 2


@pytest.mark.parametrize("name", ["spec.json", "metrics.jsonl", "run.lock", "predictions/val_best.npy"])
def test_what_asks_for_a_damaged_run_is_refused_in_words(odd: Run, name: str) -> None:
    (odd.path / name).unlink(missing_ok=True)
    put_link(odd.path / name)
    good = next(summary.id for summary in list_runs() if summary.id != odd.id)
    assert look_at([good, odd.id]).problems
    with pytest.raises(LauncherError, match="is damaged and cannot be resumed"):
        resume_run(odd.id)
    with pytest.raises(DamagedRunError, match="is damaged and cannot be exported"):
        export_runs([odd.id], "csv")
    with pytest.raises(ExamineError, match="cannot be read"):
        require_sound(open_run(odd.id))
    for command in (("runs",), ("show", odd.id), ("compare", good, odd.id)):
        assert "of the outside" not in run_command(*command).output


def rewrite(run: Run, name: str, **changes: Any) -> None:
    record = files.find_json(run.path / name) or {}
    (run.path / name).write_text(json.dumps(record | changes))  # the lab's own writer would mend some of it


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("about.json", {"created": 10**400}, "about.json cannot be read"),
        ("about.json", {"tags": 3}, "about.json cannot be read"),
        ("environment.json", {"val_images": 10**30}, "environment.json: val_images"),
        ("environment.json", {"device_name": ["a"]}, "environment.json: device_name"),
        ("end.json", {"epoch": 10**400}, "end.json: epoch"),
        ("end.json", {"metrics": {"test/accuracy": [1]}}, "end.json: metrics.test/accuracy"),
        ("end.json", {"reason": "\ud800"}, "end.json: reason: holds half a character"),
        ("environment.json", {"class_names": ["\ud800"]}, "environment.json: class_names.0: holds half a character"),
    ],
)
def test_a_field_of_another_type_or_size_is_named(odd: Run, name: str, changes: dict, reason: str) -> None:
    rewrite(odd, name, **changes)
    assert odd.summary().reason.startswith(reason)
    assert {summary.state for summary in list_runs()} == {"damaged", "finished"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("progress.json", {"step": 10**400, "steps": 3, "phase": "train", "epoch": 2}),
        ("progress.json", {"loss": "low"}),
        ("forecast.json", {"epoch_seconds": "x", "memory_bytes": []}),
        ("worker.json", {"process": {"pid": 10**40, "host": ["a"]}}),
        ("death.json", {"status": "killed"}),
        (
            "checkpoints/manifest.json",
            {"checkpoints": [{"name": "last.safetensors", "epoch": "x", "bytes": [], "kind": "odd"}]},
        ),
        ("checkpoints/manifest.json", []),
        ("checkpoints/manifest.json", {"checkpoints": [{**ENTRY, "sha256": "\ud800"}]}),
        ("forecast.json", {"epoch_seconds": 1.0, "memory_bytes": 1, "device": "\ud800"}),
    ],
)
def test_what_is_no_result_is_left_out_and_the_run_stays_whole(
    odd: Run, open_page: Callable[..., AppTest], name: str, content: Any
) -> None:
    (odd.path / name).write_text(json.dumps(content))
    assert odd.summary().state == "finished"
    assert results.list_forecast(odd) == []
    page = open_page("run", id=odd.id, tab="Checkpoints" if "manifest" in name else "Summary")
    assert "manifest" not in name or "list of checkpoints cannot be used" in texts(page)


def test_rows_that_lack_columns_are_shown_as_far_as_they_go(odd: Run, open_page: Callable[..., AppTest]) -> None:
    (odd.path / "metrics.jsonl").write_text('{"epoch": 1}\n{"val/accuracy": 0.5}\n{}\n')
    assert odd.summary().epoch == 3
    for tab in ("Charts", "Summary", "System"):
        open_page("run", id=odd.id, tab=tab)  # fails where the page raises


def test_a_checkpoint_is_read_from_the_run_alone(odd: Run) -> None:
    shutil.move(odd.path / "checkpoints" / "last.safetensors", odd.path.parent / "elsewhere.safetensors")
    (odd.path / "checkpoints" / "last.safetensors").symlink_to(odd.path.parent / "elsewhere.safetensors")
    assert odd.damage() == "checkpoints/last.safetensors is no regular file of the run"


def test_every_file_that_the_lab_names_is_tried() -> None:
    named = {value for key, value in vars(layout).items() if key.isupper() and "." in value}
    others = {layout.MANIFEST, layout.VAL_CLASSES, layout.ORIGIN, layout.RESERVE}
    assert named - set(NAMES) == others
