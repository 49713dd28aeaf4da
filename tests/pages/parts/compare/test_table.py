"""The table holds a row a run or group, with its difference to the baseline."""

import csv
import io

import numpy as np
import pytest

from core.charts.palette import pick_ink
from core.compare.figures import FIGURES
from core.compare.snapshot import look_at
from core.compare.table import write_csv
from core.compare.units import make_units
from tests.compared_runs import make_compared
from tests.pages.compare_page import address_of, names, table
from tests.pages.conftest import texts
from tests.pages.sample_runs import make_run


def test_the_first_run_of_the_address_is_the_baseline(open_page) -> None:
    a, b = make_run(name="a", top=0.7), make_run(name="b", top=0.9, settings=("train.epochs=6",))
    rows = table(open_page("compare", ids=address_of(b, a)))["rows"]
    assert [(row["name"], row["baseline"]) for row in rows] == [("b", True), ("a", False)]
    best = rows[1]["cells"][0]
    assert (best["text"], best["difference"], best["tone"]) == ("70.00 %", "-20.00", "low")
    assert rows[0]["cells"][0]["difference"] == ""
    assert rows[0]["colour"] == pick_ink(b.id).css


def test_seeds_fold_into_a_row_with_mean_spread_and_count(open_page) -> None:
    runs = [make_compared(None, seed=seed, top=top, name=f"a seed {seed}") for seed, top in enumerate((0.7, 0.8, 0.9))]
    page = open_page("compare", ids=address_of(*runs))
    (row,) = table(page)["rows"]
    assert (row["name"], row["about"]) == ("a", "3 seeds · finished")
    assert (row["cells"][0]["text"], row["cells"][0]["spread"]) == ("80.00 %", "± 10.00")
    assert "bands ± one standard deviation: a n = 3" in texts(page)
    assert "bands ± one standard error" in texts(open_page("compare", ids=address_of(*runs), band="± standard error"))
    apart = open_page("compare", ids=address_of(*runs), fold="false")
    assert names(apart) == ["a seed 0", "a seed 1", "a seed 2"]
    assert "bands" not in texts(apart)


def test_order_columns_and_epoch_come_from_the_address(open_page) -> None:
    a, b = make_run(name="a", top=0.7), make_run(name="b", top=0.9, settings=("train.epochs=6",))
    page = open_page("compare", ids=address_of(a, b), sort="-val/accuracy", pick="Last", columns="Val. accuracy")
    assert names(page) == ["b", "a"]
    assert [column["label"] for column in table(page)["columns"]] == ["Run", "Last val. accuracy"]
    assert table(page)["rows"][0]["cells"][0]["text"] == "89.00 %"


def test_the_csv_holds_means_deviations_and_counts() -> None:
    runs = [make_compared(None, seed=seed, top=top, name=f"=a seed {seed}") for seed, top in enumerate((0.7, 0.9))]
    units = make_units(look_at(run.id for run in runs).runs, fold=True)
    (row,) = csv.DictReader(io.StringIO(write_csv(units, FIGURES[:1], "best")))
    assert row["name"] == "'=a"
    assert row["runs"] == " ".join(run.id for run in runs)
    assert float(row["val/accuracy (best)"]) == pytest.approx(0.8)
    assert float(row["val/accuracy (best) sd"]) == pytest.approx(np.std([0.7, 0.9], ddof=1))
    assert row["val/accuracy (best) n"] == "2"
