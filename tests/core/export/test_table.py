"""Metrics leave as a table, one row per epoch."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from core.export.make import export_runs
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
