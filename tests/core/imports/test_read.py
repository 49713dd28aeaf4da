from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from core.imports import draft
from core.imports.draft import MAX_RUNS, Budget
from core.imports.read import read_path
from core.imports.values import ImportFilesError, count_points
from tests.core.imports.made_files import MADE

TOOLS = ("tensorboard", "wandb", "mlflow", "trackio", "dvclive", "swanlab", "clearml")


def test_a_folder_with_files_of_all_tools_gives_the_runs_of_each(tmp_path: Path) -> None:
    for tool in TOOLS:
        shutil.copytree(MADE / tool, tmp_path / tool)

    found = read_path(tmp_path)

    assert {run.format for run in found.runs} == set(TOOLS)
    assert len({run.key for run in found.runs}) == len(found.runs)


@pytest.mark.parametrize("name", ["mlflow/mlflow.db", "trackio/shapes.db", "wandb/run-aaaa1111.wandb"])
def test_a_file_is_known_by_what_is_in_it(name: str, tmp_path: Path) -> None:
    shutil.copy(MADE / name, tmp_path / "notes.txt")

    assert read_path(tmp_path / "notes.txt").runs[0].format == name.partition("/")[0]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.csv").write_text("step,loss\n0,0.5\n")
    os.symlink(tmp_path / "secret.csv", tmp_path / "in" / "table.csv")
    os.symlink(tmp_path, tmp_path / "in" / "folder")

    with pytest.raises(ImportFilesError, match="in: no run of a tool"):
        read_path(tmp_path / "in")


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events")
    (tmp_path / "table.csv").write_text("step,loss\n0,0.5\n")

    assert len(read_path(tmp_path).runs) == 1
    with pytest.raises(ImportFilesError, match="events is no regular file"):
        read_path(tmp_path / "events")


def test_an_archive_of_this_lab_is_known(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr("20260101-000000-000-abcdef/spec.json", "{}")

    found = read_path(tmp_path / "runs.zip")

    assert (found.runs, found.details["own"]) == ((), True)


def test_a_copy_of_a_run_has_a_key_of_its_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(MADE / "tensorboard" / "keras" / "train", tmp_path / name)

    first, second = read_path(tmp_path).runs

    assert second.key == f"{first.key} (2)"


def test_a_run_that_its_tool_named_is_one_run_wherever_it_lies(tmp_path: Path) -> None:
    wanted = read_path(MADE / "mlflow" / "mlflow.db").runs
    for name in ("mlflow.db", "backup.db"):
        shutil.copy(MADE / "mlflow" / "mlflow.db", tmp_path / name)

    assert [(run.key, count_points(run)) for run in read_path(tmp_path).runs] == [
        (run.key, count_points(run)) for run in wanted
    ]


def test_what_is_left_after_minutes_of_reading_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("step,loss\n0,0.5\n")
    monkeypatch.setattr(Budget, "is_late", lambda budget: budget.runs < MAX_RUNS - 1)

    found = read_path(tmp_path)

    assert [run.name for run in found.runs] == ["a"]
    assert found.left_out == {"files or folders after 10 minutes of reading": 1}


def test_zips_in_zips_unpack_to_no_more_than_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table.csv").write_text("step,loss\n0,0.5\n")
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as archive:
        archive.write(tmp_path / "table.csv", "inner.csv")
    monkeypatch.setattr(draft, "MAX_UNPACKED", 10)

    found = read_path(tmp_path)

    assert [run.name for run in found.runs] == ["table"]
    assert found.left_out == {"Zips that unpack to more than 8 GB together": 1}


def test_a_damaged_database_is_told_and_keeps_no_other_file_from_being_read(tmp_path: Path) -> None:
    content = bytearray((MADE / "mlflow" / "mlflow.db").read_bytes())
    content[100:4096] = bytes(3996)  # the list of its tables
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(ImportFilesError, match=r"mlflow\.db is a damaged database"):
        read_path(tmp_path / "mlflow.db")

    (tmp_path / "table.csv").write_text("step,loss\n0,0.5\n")
    assert len(read_path(tmp_path).runs) == 1


def test_checkpoints_of_torch_are_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("step,loss\n0,0.5\n")
    with zipfile.ZipFile(tmp_path / "epoch=19-step=1800-val_acc=0.93.ckpt", "w") as archive:
        archive.writestr("epoch=19-step=1800-val_acc=0.93/data.pkl", b"x")
        archive.writestr("table.csv", "step,loss\n0,0.5\n")

    found = read_path(tmp_path)

    assert [run.name for run in found.runs] == ["table"]
    assert found.left_out == {"checkpoints": 1}


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportFilesError, match="gone is not there"):
        read_path(tmp_path / "gone")
