"""What leaves is what the run is, whichever way; what cannot leave is told in a sentence."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.export import model, table
from core.export.formats import FORMATS, ExportError, Format, Order
from core.export.make import export_runs
from core.export.outbox import address_of, find_file, make_folder
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.system.errors import LabError
from tests.bundles import make_whole_run
from tests.core.cli.test_app import core, strict  # noqa: F401 - a fixture
from tests.pages.sample_runs import make_run


def read_table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_runs_metrics_are_one_row_an_epoch(runs: Path) -> None:
    run = make_run()
    (run.path / "metrics.jsonl").write_bytes(
        (run.path / "metrics.jsonl").read_bytes().replace(b'"val/loss": 2.2,', b'"val/loss": null,')
    )
    made = export_runs([run.id], "csv")
    table = read_table(made.path.read_text())
    assert [row["epoch"] for row in table] == ["1", "2", "3", "4", "5"]
    assert [float(row["val/accuracy"]) for row in table] == [row["val/accuracy"] for row in run.rows()]
    assert table[0]["val/loss"] == ""
    assert (made.name, made.mime) == (f"{run.id}.csv", "text/csv")


def test_metrics_of_several_runs_say_whose_they_are_and_no_name_is_a_formula(runs: Path) -> None:
    made = [make_run(name=name) for name in ("plain", '=HYPERLINK("http://x")', 'with, "commas"')]
    table = read_table(export_runs([run.id for run in made], "csv").path.read_text())
    assert len(table) == 15
    assert {(row["run"], row["name"]) for row in table} == {
        (made[0].id, "plain"),
        (made[1].id, '\'=HYPERLINK("http://x")'),
        (made[2].id, 'with, "commas"'),
    }


def test_every_format_says_what_it_is_for() -> None:
    for key, format in FORMATS.items():
        assert format.key == key
        assert format.suffix.startswith(".")
        assert format.purpose.endswith(".")
    assert {key for key, format in FORMATS.items() if format.several} == {"html", "csv", "tensorboard", "zip"}


def test_a_model_leaves_with_the_weights_that_were_asked_for(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_whole_run()
    asked = []

    def write(order: Order, path: Path) -> str:
        asked.append((order.ids, order.checkpoint))
        path.write_bytes(b"weights")
        return "Differs by at most 1e-7."

    monkeypatch.setattr(model, "write_onnx", write)
    made = export_runs([run.id], "onnx", "last")
    assert asked == [((run.id,), "last")]
    assert (made.name, made.path.read_bytes(), made.note) == (
        f"{run.id}-last.onnx", b"weights", "Differs by at most 1e-7.",
    )  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_without_anything_to_take_away_gets_a_sentence(runs: Path, format: str) -> None:
    run = make_run("interrupted", epochs_done=0)
    if format in ("html", "script", "zip"):
        assert export_runs([run.id], format).bytes > 0
        return
    with pytest.raises(LabError) as told:
        export_runs([run.id], format)
    assert str(told.value).endswith(".")


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_that_is_gone_or_damaged_gets_a_sentence_and_leaves_no_file(
    runs: Path, tmp_path: Path, format: str
) -> None:
    damaged = make_run()
    (damaged.path / "spec.json").write_text("{")
    (tmp_path / "out").mkdir()
    for run_id in (damaged.id, "20250101-000000-000-abcdef"):
        if format == "csv" and run_id == damaged.id:
            continue
        with pytest.raises(LabError):
            export_runs([run_id], format, folder=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_is_a_sentence(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table, "write_metrics", fail)
    with pytest.raises(ExportError, match="could not be written: No space left on device"):
        export_runs([run.id], "csv")


def write_names(order: Order, path: Path) -> str:
    path.write_text("".join(f"{open_run(run_id).about.name}\n" for run_id in order.ids))
    return f"{len(order.ids)} names."


def test_a_format_added_from_outside_is_written(
    core: Callable[..., Result],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Format("names", "Names", ".txt", "text/plain", "One name a line.", f"{__name__}:write_names", several=True)
    monkeypatch.setitem(FORMATS, "names", own)
    ids = [make_run(name=name).id for name in ("one", "two")]
    made = export_runs(ids, "names", folder=tmp_path)
    assert (made.name, made.note, made.path.read_text()) == (f"2-runs-{ids[0]}.txt", "2 names.", "one\ntwo\n")
    assert core("export", ids[0], "-f", "names", "-o", str(tmp_path)).exit_code == 0
    assert (tmp_path / f"{ids[0]}.txt").read_text() == "one\n"


# Where a browser fetches it


def test_only_the_very_address_of_a_file_leads_to_it(runs: Path) -> None:
    made = export_runs([make_run().id], "csv")
    token, name = address_of(made.path).split("/")[-2:]
    assert name == made.name
    assert find_file(token) == made.path
    for other in ("", ".", "..", token[:-1], token.upper() + "x", "0" * 32, f"../{token}", f"{token}/"):
        assert find_file(other) is None
    assert len(list_runs()) == 1  # the files beside the runs are no runs


def test_what_nobody_fetched_for_an_hour_goes(runs: Path) -> None:
    old, new = (export_runs([make_run().id], "csv") for _ in range(2))
    os.utime(old.path.parent, (time.time() - 4000,) * 2)
    make_folder()
    assert not old.path.exists()
    assert new.path.exists()


# Commands


def test_export_writes_where_it_is_told_and_prints_the_path(
    core: Callable[..., Result],  # noqa: F811
    tmp_path: Path,
) -> None:
    run = make_whole_run(name="A run")
    (tmp_path / "out").mkdir()
    shown = core("export", run.id[:20], "--format", "csv", "--output", str(tmp_path / "out"))
    assert shown.stdout.splitlines() == [str(tmp_path / "out" / f"{run.id}.csv")]
    assert len(read_table((tmp_path / "out" / f"{run.id}.csv").read_text())) == 5
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


def test_export_and_import_move_a_run(
    core: Callable[..., Result],  # noqa: F811
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
    core: Callable[..., Result],  # noqa: F811
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
        (["import", str(tmp_path)], "This is no file."),
    ):
        shown = core(*arguments)
        assert (shown.exit_code, sentence in shown.stderr) == (2, True), (arguments, shown.stderr)
    assert json.loads(core("runs", "--json").stdout)
