"""Metrics as a table for spreadsheets."""

import csv
import io
from pathlib import Path

from core.runs.store import open_run
from core.runs.tables import write_metrics
from core.system import files
from tests.core.workers import tiny_spec
from tests.made_runs import create_run


def test_one_run_is_a_row_an_epoch_and_several_name_theirs(runs: Path) -> None:
    first, second = (open_run(create_run(tiny_spec(), name=name)) for name in ("=1+1", "second"))
    (first.path / "metrics.jsonl").write_bytes(
        files.to_line({"epoch": 1, "val/loss": 0.5}) + files.to_line({"epoch": 2, "val/loss": float("nan")})
    )
    (second.path / "metrics.jsonl").write_bytes(files.to_line({"epoch": 1, "val/accuracy": 0.9}))
    assert write_metrics([first]).splitlines() == ["epoch,val/loss", "1,0.5", "2,"]
    assert write_metrics([first, second]).splitlines() == [
        "run,name,epoch,val/loss,val/accuracy",
        f"{first.id},'=1+1,1,0.5,",
        f"{first.id},'=1+1,2,,",
        f"{second.id},second,1,,0.9",
    ]


def test_no_column_of_the_metrics_is_a_formula(runs: Path) -> None:
    run = open_run(create_run(tiny_spec()))
    (run.path / "metrics.jsonl").write_bytes(files.to_line({"epoch": 1, "=1+1": 2.0, "\n@x": 3.0}))
    assert list(csv.reader(io.StringIO(write_metrics([run]), newline=""))) == [
        ["epoch", "'=1+1", "'\n@x"],
        ["1", "2.0", "3.0"],
    ]
