"""Tables in the columns of Weights & Biases and MLflow, read back by their names to the last bit."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pandas as pd

from core.export.make import export_runs
from core.imports.keep import publish_foreign
from tests.core.imports.foreign_runs import BEGUN, make_foreign, make_series
from tests.pages.sample_runs import EPOCHS, make_run

SERIES = {
    "loss": make_series([1, 2, 2, 5], [1 / 3, math.inf, -math.inf, math.nan]),
    "val/acc, %": make_series([2, 5], [50.0, 5e-324]),
}


def test_mlflows_table_has_every_point_of_every_run(runs: Path) -> None:
    foreign, ours = publish_foreign(make_foreign(series=SERIES), {}), make_run()
    table = pd.read_csv(export_runs([foreign, ours.id], "mlflow").path)
    assert list(table) == ["run_id", "key", "value", "timestamp", "step"]
    theirs = table[table.run_id == foreign]
    for name, series in SERIES.items():
        points = theirs[theirs.key == name]
        np.testing.assert_array_equal(points.value, series.values)
        np.testing.assert_array_equal(points.step, series.steps)
        np.testing.assert_array_equal(points.timestamp, series.times * 1000)
    assert theirs[theirs.key == "test_acc"].value.tolist() == [61.5]
    mine = table[table.run_id == ours.id]
    assert mine[mine.key == "val/accuracy"].value.tolist() == [row["val/accuracy"] for row in ours.rows()]
    assert mine[mine.key == "test/accuracy"].value.tolist() == [0.8]


def test_wandbs_table_has_a_row_a_step_in_the_columns_of_its_history(runs: Path) -> None:
    foreign = publish_foreign(make_foreign(series=SERIES), {})
    table = pd.read_csv(export_runs([foreign], "wandb").path)
    assert list(table) == ["_step", "loss", "val/acc, %", "_runtime", "_timestamp"]
    assert table._step.tolist() == [1, 2, 2, 5]
    np.testing.assert_array_equal(table["loss"], SERIES["loss"].values)
    np.testing.assert_array_equal(table["val/acc, %"].dropna(), [50.0, 5e-324])
    assert (table._timestamp - table._runtime == BEGUN).all()


def test_a_run_of_ours_has_a_row_an_epoch(runs: Path) -> None:
    run = make_run()
    table = pd.read_csv(export_runs([run.id], "wandb").path)
    assert len(table) == EPOCHS
    assert table["val/accuracy"].tolist() == [row["val/accuracy"] for row in run.rows()]


def test_no_name_is_a_formula(runs: Path) -> None:
    run = publish_foreign(make_foreign(series={"=1+1": make_series([1], [1.0])}), {})
    for format in ("mlflow", "wandb"):
        rows = csv.reader(io.StringIO(export_runs([run], format).path.read_text()))
        assert not [cell for row in rows for cell in row if cell.startswith("=")]
