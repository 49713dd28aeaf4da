"""Runs are exported and imported on the command line."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.export.formats import FORMATS, Format, Order
from core.export.make import export_runs
from core.runs.store import open_run
from tests.bundles import make_whole_run
from tests.core.export.test_table import read_table
from tests.pages.sample_runs import make_run
from tests.strict_json import strict


def write_names(order: Order, path: Path) -> str:
    path.write_text("".join(f"{open_run(run_id).about.name}\n" for run_id in order.ids))
    return f"{len(order.ids)} names."


def test_a_format_added_from_outside_is_written(
    core: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Format("names", "Names", ".txt", "text/plain", "One name a line.", f"{__name__}:write_names", several=True)
    monkeypatch.setitem(FORMATS, "names", own)
    ids = [make_run(name=name).id for name in ("one", "two")]
    made = export_runs(ids, "names", folder=tmp_path)
    assert (made.name, made.note, made.path.read_text()) == (f"2-runs-one-{ids[0][-6:]}.txt", "2 names.", "one\ntwo\n")
    assert core("export", ids[0], "-f", "names", "-o", str(tmp_path)).exit_code == 0
    assert (tmp_path / f"one-{ids[0][-6:]}.txt").read_text() == "one\n"


def test_export_writes_where_it_is_told_and_prints_the_path(
    core: Callable[..., Result],
    tmp_path: Path,
) -> None:
    run = make_whole_run(name="A run")
    (tmp_path / "out").mkdir()
    shown = core("export", run.id[:20], "--format", "csv", "--output", str(tmp_path / "out"))
    assert shown.stdout.splitlines() == [str(tmp_path / "out" / f"A-run-{run.id[-6:]}.csv")]
    assert len(read_table((tmp_path / "out" / f"A-run-{run.id[-6:]}.csv").read_text())) == 5
    again = core("export", run.id, "-f", "csv", "-o", str(tmp_path / "out"))
    assert again.exit_code == 2
    assert "--force writes over it" in again.stderr
    told = strict(
        core("export", run.id, "-f", "tensorboard", "-o", str(tmp_path / "tb.zip"), "--force", "--json").stdout
    )
    assert told["runs"] == [run.id]
    assert told["bytes"] == Path(told["path"]).stat().st_size
    assert zipfile.is_zipfile(told["path"])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".export-")]


def test_export_takes_the_place_of_no_device_and_writes_through_a_link(
    core: Callable[..., Result], tmp_path: Path
) -> None:
    run, pipe, link, kept = make_run(name="one"), tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "kept.csv"
    os.mkfifo(pipe)
    refused = core("export", run.id, "-f", "csv", "-o", str(pipe), "--force")
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"{pipe} is no regular file: name a file, or a folder to write into.\n",
    )
    assert pipe.is_fifo()
    kept.write_text("old")
    link.symlink_to(kept)
    assert core("export", run.id, "-f", "csv", "-o", str(link), "--force").exit_code == 0
    assert (link.is_symlink(), len(read_table(kept.read_text())) > 0) == (True, True)


def test_export_and_import_move_a_run(
    core: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [make_whole_run(name=name) for name in ("one", "two")]
    path = tmp_path / "both.zip"
    assert core("export", *[run.id for run in made], "--format", "zip", "--output", str(path)).exit_code == 0
    monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path / "elsewhere"))
    shown = core("import", str(path))
    assert shown.exit_code == 0
    assert shown.stdout.split() == [run.id for run in made]
    assert "one was imported; it is finished." in shown.stderr
    told = strict(core("import", str(path), "--json").stdout)
    assert [entry["outcome"] for entry in told] == ["here", "here"]
    assert open_run(made[0].id).summary().test_accuracy == 0.8


def test_wrong_use_of_export_and_import_is_told_with_status_2(
    core: Callable[..., Result],
    tmp_path: Path,
) -> None:
    run = make_run()
    (tmp_path / "x.zip").write_bytes(b"no archive")
    for arguments, sentence in (
        (["export", run.id, "-f", "onnx", "-o", str(tmp_path)], "no checkpoint"),
        (["export", run.id, make_run().id, "-f", "onnx", "-o", str(tmp_path)], "ONNX takes one run at a time."),
        (["export", run.id, "-f", "pdf"], "pdf"),
        (["export", "nothing", "-f", "csv"], "There is no run 'nothing'"),
        (["export", run.id, "-f", "csv", "-o", str(tmp_path / "no" / "x.csv")], "there is no such folder"),
        (["import", str(tmp_path / "x.zip")], "x.zip: This is no zip archive, or only part of one."),
        (["import", str(tmp_path / "nowhere.zip")], "nowhere.zip: There is no such file."),
    ):
        shown = core(*arguments)
        assert (shown.exit_code, sentence in shown.stderr) == (2, True), (arguments, shown.stderr)
    assert json.loads(core("runs", "--json").stdout)
