"""The table of runs: its figures, and its order."""

import pytest

from core.runs.records import RunSummary
from pages.parts.run.table import COLUMNS, sort_runs
from tests.pages.runs_page import names, table
from tests.pages.sample_runs import make_run


def test_a_row_tells_best_last_and_test_apart(open_page) -> None:
    make_run(name="one", tags=["paper"])
    cells = table(open_page("runs"))["rows"][0]["cells"]
    assert (cells["best"], cells["last"], cells["test"]) == ("90.00 %", "89.00 %", "80.00 %")
    assert (cells["epoch"], cells["parameters"], cells["dataset"]) == ("5/5", "78.7 k", "digits")


def test_newest_first_unless_the_address_sorts_otherwise(open_page) -> None:
    for name, top in (("a", 0.7), ("b", 0.9), ("c", 0.8)):
        make_run(name=name, top=top)
    assert names(open_page("runs")) == ["c", "b", "a"]
    assert names(open_page("runs", sort="-best")) == ["b", "c", "a"]
    assert names(open_page("runs", sort="best")) == ["a", "c", "b"]
    assert names(open_page("runs", sort="nonsense")) == ["c", "b", "a"]


def test_runs_without_a_figure_come_last_either_way() -> None:
    runs = [RunSummary("1", "none", "queued"), RunSummary("2", "some", "finished", test_accuracy=0.5)]
    assert [run.name for run in sort_runs(runs, "test")] == ["some", "none"]
    assert [run.name for run in sort_runs(runs, "-test")] == ["some", "none"]


@pytest.mark.parametrize("order", [f"{sign}{column.name}" for column in COLUMNS for sign in ("", "-")])
def test_every_column_sorts_every_run(order: str) -> None:
    runs = [RunSummary("1", "x", "damaged"), RunSummary("2", "y", "finished", curve=(0.1,), tags=("t",))]
    assert {run.id for run in sort_runs(runs, order)} == {"1", "2"}


def test_a_damaged_run_is_listed_with_its_reason_and_hurts_no_other(open_page) -> None:
    make_run(name="whole")
    broken = make_run(name="broken")
    (broken.path / "spec.json").write_text("not json")
    rows = {row["name"]: row for row in table(open_page("runs"))["rows"]}
    assert rows["broken"]["state"]["label"] == "Damaged"
    assert "spec.json" in rows["broken"]["state"]["help"]
    assert rows["whole"]["cells"]["best"] == "90.00 %"
