"""Parallel coordinates and the ranges drawn on them."""

import json

import pytest

from core.charts.palette import GREY, pick_result_ink
from core.charts.upright import read_ranges
from core.compare.figures import BY_KEY
from core.compare.parallel import choose_units, draw_parallel
from tests.compared_runs import make_compared, units_of
from tests.core.compare.drawn import traces_of
from tests.pages.sample_runs import make_run

ACCURACY = BY_KEY["val/accuracy"]
pytestmark = pytest.mark.usefixtures("lab_folders")


def test_parallel_coordinates_run_from_the_lowest_to_the_highest_value() -> None:
    rates = (0.0001, 0.001, 0.01)
    units = units_of(*(make_compared(None, settings=[f"train.learning_rate={rate}"]) for rate in rates))
    traces = traces_of(draw_parallel(units, ["train.learning_rate"], ACCURACY, "best").figure)
    # A field that says so is scaled by its logarithm.
    assert [traces[unit.id]["y"][0] for unit in units] == pytest.approx([0, 0.5, 1])


def test_a_range_on_an_axis_keeps_just_the_units_that_pass_there() -> None:
    rates, tops = (0.0001, 0.001, 0.01), (0.5, 0.9, 0.7)
    made = [make_compared(None, settings=[f"train.learning_rate={r}"], top=t) for r, t in zip(rates, tops, strict=True)]
    units, paths = units_of(*made), ["train.learning_rate"]

    def chosen(text: str) -> list[int]:
        ranges = read_ranges(text)
        kept = choose_units(units, paths, ACCURACY, "best", ranges)
        traces = traces_of(draw_parallel(units, paths, ACCURACY, "best", ranges).figure)
        assert [unit for unit in units if traces[unit.id]["opacity"] == 1] == kept
        return [units.index(unit) for unit in kept]

    assert chosen("") == [0, 1, 2]
    assert chosen("train.learning_rate:0.4:1") == [1, 2]
    assert chosen("train.learning_rate:0.4:1;val/accuracy:0.8:1") == [1]
    assert chosen("train.learning_rate:0.5:0.5") == [1]
    assert chosen("train.epochs:0.9:1") == [0, 1, 2]  # not among the axes
    assert chosen("train.learning_rate:0.6:0.9") == []
    layout = json.loads(draw_parallel(units, paths, ACCURACY, "best", read_ranges("val/accuracy:0:1")).figure)["layout"]
    assert [axis["key"] for axis in layout["meta"]["brush"]] == ["train.learning_rate", "val/accuracy"]
    assert layout["meta"]["brush"][1]["range"] == [0, 1]


def test_lines_are_coloured_by_their_result_and_grey_without_one() -> None:
    tops = (0.5, 0.9, 0.7)
    made = [make_compared(None, settings=[f"train.learning_rate={0.001 * (n + 1)}"], top=t) for n, t in enumerate(tops)]
    bare = make_run(epochs_done=0, settings=("train.epochs=5", "train.learning_rate=0.02"))
    units = units_of(*made, bare)
    for figure, best, worst in ((ACCURACY, 1, 0), (BY_KEY["val/loss"], None, None)):
        drawn = draw_parallel(units, ["train.learning_rate"], figure, "best").figure
        colours = [traces_of(drawn)[unit.id]["line"]["color"] for unit in units]
        assert colours[3] == GREY
        if best is not None:
            assert (colours[best], colours[worst]) == (pick_result_ink(0).light, pick_result_ink(1).light)
            assert len(set(colours)) == 4
        meta = json.loads(drawn)["layout"]["meta"]
        assert set(colours) - {GREY} <= set(meta["dark"])


def test_the_best_loss_has_the_colour_of_the_best() -> None:
    made = [make_compared(None, epochs_done=epochs, settings=[f"train.epochs={epochs}"]) for epochs in (3, 5)]
    units = units_of(*made)
    drawn = traces_of(draw_parallel(units, ["train.epochs"], BY_KEY["val/loss"], "best").figure)
    assert drawn[units[1].id]["line"]["color"] == pick_result_ink(0).light


def test_all_images_are_more_than_any_number_of_them() -> None:
    made = [make_compared(None, settings=[f"data.max_train_images={most}"]) for most in (0, 500, 1000)]
    units = units_of(*made)
    drawn = draw_parallel(units, ["data.max_train_images"], ACCURACY, "best").figure
    heights = [traces_of(drawn)[unit.id]["y"][0] for unit in units]
    assert heights == pytest.approx([1, 0, 500 / 750])
    ticks = {note["text"]: note["y"] for note in json.loads(drawn)["layout"]["annotations"] if note["x"] == 0}
    assert ticks["all"] == 1
