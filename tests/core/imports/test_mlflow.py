from __future__ import annotations

import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from core.imports.read import read_path
from core.imports.values import ForeignRun
from tests.core.imports.made_files import MADE, all_points, read_expected

LARGEST = sys.float_info.max.hex()
FILES = MADE / "mlflow"


@pytest.fixture(params=["sqlite", "files"])
def store(request: pytest.FixtureRequest) -> tuple[Path, dict[str, dict]]:
    path = FILES / ("mlflow.db" if request.param == "sqlite" else "mlruns")
    return path, read_expected("mlflow")[request.param]


def test_every_value_step_and_time_equals_what_mlflow_reads(store: tuple[Path, dict[str, dict]]) -> None:
    runs = {run.key: run for run in read_path(store[0]).runs}

    assert set(runs) == set(store[1])
    for key, expected in store[1].items():
        # MLflow sorts them; here they stay in the order in which they were logged.
        assert sort(all_points(runs[key])) == sort(with_infinities(expected["metrics"]))
        assert runs[key].name == expected["name"]
        assert runs[key].state.upper() == expected["status"]
        assert {name: str(value) for name, value in runs[key].configuration.items()} == expected["params"]


def with_infinities(series: dict[str, list[list]]) -> dict[str, list[list]]:
    """MLflow's SQLite keeps infinity as the largest number, and its own client gives that."""
    words = {LARGEST: "inf", f"-{LARGEST}": "-inf"}
    return {name: [[step, words.get(value, value), time] for step, value, time in series[name]] for name in series}


def sort(series: dict[str, list[list]]) -> dict[str, list[list]]:
    return {name: sorted(points, key=str) for name, points in series.items()}


def test_points_stay_in_the_order_in_which_they_were_logged(store: tuple[Path, dict[str, dict]]) -> None:
    (run,) = [run for run in read_path(store[0]).runs if run.name == "first run"]

    assert run.series["falls"].steps.tolist() == [5, 5, 3, -7]
    assert run.configuration["lr"] == 0.1
    assert (run.tags, run.note) == (("team: blue",), "two\nlines")
    assert (run.started, run.ended) == (1_760_000_000.0, 1_760_000_009.0)


def test_deleted_runs_are_counted(store: tuple[Path, dict[str, dict]]) -> None:
    assert read_path(store[0]).left_out["runs that were deleted in MLflow"] == 1


def test_what_is_in_a_journal_beside_the_database_is_read_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copy(FILES / "mlflow.db", path)
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("UPDATE metrics SET value = 0.125 WHERE key = 'val acc'")
    writer.commit()
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    run = first_run(path)

    assert run.series["val acc"].values.tolist() == [0.125]
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
    writer.close()


def test_a_column_of_numbers_may_hold_text(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copy(FILES / "mlflow.db", path)
    with sqlite3.connect(path) as writer:
        writer.execute("UPDATE metrics SET value = 'high' WHERE key = 'val acc'")

    run = first_run(path)

    assert "val acc" not in run.series
    assert run.left_out == {"rows that are no point": 1}


def test_a_metric_file_that_was_cut_keeps_its_whole_lines(tmp_path: Path) -> None:
    shutil.copytree(FILES / "mlruns", tmp_path / "mlruns")
    (path,) = tmp_path.rglob("falls")
    path.write_bytes(path.read_bytes()[:-1])

    run = first_run(tmp_path)

    assert run.series["falls"].steps.tolist() == [5, 5, 3]
    assert run.remarks == ("falls: cut short; its last line is left out.",)


def test_a_run_whose_meta_was_cut_at_any_byte_keeps_its_points_and_says_so(tmp_path: Path) -> None:
    run = "3bb9b228374d4028a3be793e0eb33cd3"
    shutil.copytree(FILES / "mlruns" / "673671532079008970" / run, tmp_path / run)
    path = tmp_path / run / "meta.yaml"
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        (found,) = read_path(tmp_path).runs

        assert found.key == run
        assert sum(map(len, found.series.values())) == 13
        assert found.remarks == (
            "meta.yaml: cut short; what it told of the run's name, state and times may be missing.",
        )


def first_run(path: Path) -> ForeignRun:
    return next(run for run in read_path(path).runs if run.name == "first run")
