"""Zips of this lab and files of other tools come in by one way."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from core.export.bring_in import bring_in, bring_in_path
from core.export.make import export_runs
from core.imports.values import ImportFilesError
from core.launch.launcher import delete_run
from core.runs.listing import list_runs
from core.system.errors import LabError
from tests.pages.sample_runs import make_run

TABLE = b"step,loss,val_accuracy\n1,2.5,0.5\n2,1.5,0.6\n"


def test_a_zip_of_this_lab_is_kept_and_a_table_beside_it_only_read(lab_folders: Path) -> None:
    run = make_run(name="ours")
    packed = export_runs([run.id], "zip").path.read_bytes()
    delete_run(run.id)
    listed = bring_in([("ours.zip", io.BytesIO(packed)), ("log.csv", io.BytesIO(TABLE))], dry=True)
    assert ([own.outcome for own in listed.own], len(listed.found.runs), list_runs()) == (["new"], 1, [])
    brought = bring_in([("ours.zip", io.BytesIO(packed)), ("log.csv", io.BytesIO(TABLE))])
    assert [summary.id for summary in list_runs()] == [run.id] == [imported.id for imported in brought.own]
    again = bring_in([("ours.zip", io.BytesIO(packed))], dry=True)
    assert [(own.outcome, own.id) for own in again.own] == [("here", run.id)]
    [found] = brought.found.runs
    assert found.series["loss"].values.tolist() == [2.5, 1.5]


def test_what_came_in_before_an_archive_that_is_refused_is_told_with_the_refusal(lab_folders: Path) -> None:
    run = make_run(name="ours")
    packed = export_runs([run.id], "zip").path.read_bytes()
    delete_run(run.id)
    flipped = bytearray(packed)
    place = packed.index(b"val/loss") if b"val/loss" in packed else len(packed) // 3
    flipped[place] ^= 1
    brought = bring_in([("good.zip", io.BytesIO(packed)), ("bad.zip", io.BytesIO(bytes(flipped)))])
    assert [imported.id for imported in brought.own] == [run.id] == [summary.id for summary in list_runs()]
    assert brought.problem.startswith("bad.zip: ")
    with pytest.raises(LabError):
        bring_in([("bad.zip", io.BytesIO(bytes(flipped)))])


def test_a_path_is_read_as_an_upload_is(lab_folders: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "log.csv").write_bytes(TABLE)
    for path in (tmp_path / "logs", tmp_path / "logs" / "log.csv"):
        [found] = bring_in_path(path).found.runs
        assert found.series["val_accuracy"].steps.tolist() == [1, 2]
    with pytest.raises(ImportFilesError, match="There is no such file"):
        bring_in_path(tmp_path / "none.csv")


def test_a_zip_that_is_none_is_named_where_several_files_come_in(lab_folders: Path) -> None:
    with pytest.raises(ImportFilesError, match=r"^bad\.zip: This is no zip archive"):
        bring_in([("log.csv", io.BytesIO(TABLE)), ("bad.zip", io.BytesIO(b"PK\x03\x04cut"))], dry=True)
