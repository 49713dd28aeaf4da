"""A run's or a group's figure is what the files say, and a difference is written in the figure's own way."""

import numpy as np
import pytest

from core.compare.figures import BY_KEY, FIGURES, difference, find_figure, sort_units, summary_of, value_of
from core.spec.cost import cost_of
from tests.compared_runs import look, make_compared, units_of
from tests.pages.sample_runs import make_run

ACCURACY, LOSS = BY_KEY["val/accuracy"], BY_KEY["val/loss"]
pytestmark = pytest.mark.usefixtures("lab_folders")


def test_best_last_lowest_and_highest_are_those_of_the_epochs() -> None:
    run = look(make_run())[0]
    accuracies, losses = [row["val/accuracy"] for row in run.rows], [row["val/loss"] for row in run.rows]
    assert value_of(run, ACCURACY) == max(accuracies)
    assert value_of(run, ACCURACY, "last") == accuracies[-1]
    assert value_of(run, LOSS) == value_of(run, LOSS, "min") == min(losses)
    assert value_of(run, LOSS, "max") == max(losses)


def test_figures_that_do_not_hang_on_epochs_come_from_cost_end_and_clock() -> None:
    run = look(make_run())[0]
    values = {figure.key: value_of(run, figure) for figure in FIGURES}
    assert values["parameters"] == cost_of(run.spec).parameters
    assert values["multiply_adds"] == cost_of(run.spec).multiply_adds
    assert (values["test/accuracy"], values["test/accuracy_best"]) == (0.8, 0.82)
    assert values["minutes"] == run.rows[-1]["seconds"] / 60
    assert values["images_per_second"] == np.median([row["images_per_second"] for row in run.rows])
    assert value_of(run, find_figure("train.learning_rate")) == run.spec.train.learning_rate


def test_a_group_has_mean_and_sample_deviation_of_its_seeds() -> None:
    tops = [0.7, 0.8, 0.84]
    unit = units_of(*(make_compared(None, seed=seed, top=top) for seed, top in enumerate(tops)))[0]
    summary = summary_of(unit, ACCURACY)
    assert summary is not None
    assert (summary.n, summary.mean) == (3, pytest.approx(np.mean(tops)))
    assert summary.standard_deviation == pytest.approx(np.std(tops, ddof=1))


def test_a_run_without_the_figure_has_none() -> None:
    unit = units_of(make_run("stopped", epochs_done=0))[0]
    assert summary_of(unit, ACCURACY) is None
    assert summary_of(unit, BY_KEY["test/accuracy"]) is None


@pytest.mark.parametrize(
    ("key", "value", "baseline", "told"),
    [
        ("val/accuracy", 0.842, 0.834, ("+0.80", "high")),
        ("val/accuracy", 0.8, 0.85, ("-5.00", "low")),
        ("val/loss", 0.5, 0.6, ("-0.1000", "high")),
        ("parameters", 2e6, 1e6, ("×2", "low")),
        ("minutes", 1.0, 0.0, ("", "")),
        ("val/accuracy", 0.8, 0.8, ("", "")),
        ("epochs", 10, 5, ("×2", "")),
    ],
)
def test_a_difference_is_told_in_the_figures_own_way(key: str, value: float, baseline: float, told: tuple) -> None:
    assert difference(BY_KEY[key], value, baseline) == told


def test_sorting_puts_units_without_the_figure_last_either_way() -> None:
    units = units_of(make_run("stopped", epochs_done=0), make_run(top=0.7), make_run(top=0.9), fold=False)
    empty, low, high = units
    assert sort_units(units, "val/accuracy", "best") == [low, high, empty]
    assert sort_units(units, "-val/accuracy", "best") == [high, low, empty]
    assert sort_units(units, "nonsense", "best") == units
