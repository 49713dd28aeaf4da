"""The table writes each figure in its own unit, marks the best of a column, and says why one is missing."""

import csv
import io

import pytest

from core.compare.figures import BY_KEY
from core.compare.table import format_figure, format_spread, leave_out_empty, make_cells, tell_unit, write_csv
from tests.compared_runs import make_compared, units_of
from tests.pages.sample_runs import make_run

ACCURACY = BY_KEY["val/accuracy"]
pytestmark = pytest.mark.usefixtures("lab_folders")


def test_cells_have_the_difference_to_the_first_unit_and_mark_the_best() -> None:
    units = units_of(make_run(top=0.7), make_run(top=0.9), make_run("stopped", epochs_done=0), fold=False)
    base, better, empty = (cells[0] for cells in make_cells(units, [ACCURACY], "best").values())
    assert (base.text, base.difference, base.best) == ("70.00 %", "", False)
    assert (better.text, better.difference, better.tone, better.best) == ("90.00 %", "+20.00", "high", True)
    assert (empty.text, empty.difference) == ("–", "")


def test_a_group_shows_its_spread_and_how_many_seeds_have_the_figure() -> None:
    runs = [make_compared(None, seed=seed, top=top) for seed, top in enumerate((0.7, 0.8))]
    (unit,) = units_of(*runs, make_compared(None, seed=2, state="stopped", epochs_done=0))
    (cell,) = make_cells([unit], [ACCURACY], "best")[unit]
    assert (cell.text, cell.spread) == ("75.00 %", "± 7.07 n 2")
    assert tell_unit(unit) == "3 seeds · finished, stopped"


@pytest.mark.parametrize(
    ("key", "value", "text", "spread"),
    [
        ("val/accuracy", 0.8412, "84.12 %", "± 84.12"),
        ("val/loss", 0.5, "0.5000", "± 0.5000"),
        ("parameters", 2_650_000, "2.65 M", "± 2.65 M"),
        ("images_per_second", 1234.5, "1,234", "± 1,234"),
        ("minutes", 0.123, "0.12", "± 0.12"),
        ("minutes", 12.34, "12.3", "± 12.3"),
    ],
)
def test_figures_are_written_by_their_kind(key: str, value: float, text: str, spread: str) -> None:
    assert (format_figure(BY_KEY[key], value), format_spread(BY_KEY[key], value)) == (text, spread)


def test_the_csv_has_mean_spread_and_seeds_of_every_figure() -> None:
    unit = units_of(*(make_compared(None, seed=seed, top=top) for seed, top in enumerate((0.7, 0.8))))[0]
    (row,) = csv.DictReader(io.StringIO(write_csv([unit], [ACCURACY, BY_KEY["test/accuracy"]], "best")))
    assert row["runs"].split() == [run.id for run in unit.runs]
    assert float(row["val/accuracy (best)"]) == pytest.approx(0.75)
    assert float(row["val/accuracy (best) sd"]) == pytest.approx(0.0707, abs=1e-4)
    assert row["test/accuracy n"] == "2"


def test_a_column_that_no_run_fills_is_left_out() -> None:
    units = units_of(make_run(epochs_done=0, state="stopped"), make_run(top=0.9), fold=False)
    figures = [BY_KEY[key] for key in ("val/accuracy", "test/accuracy_views", "parameters")]
    assert [figure.key for figure in leave_out_empty(units, figures)] == ["val/accuracy", "parameters"]
    assert [figure.key for figure in leave_out_empty(units[:1], figures)] == ["parameters"]
