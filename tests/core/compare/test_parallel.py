"""Parallel coordinates and the ranges drawn on them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare.figures import BY_KEY
from core.compare.parallel import choose_units, draw_parallel, read_ranges, write_ranges
from tests.compared_runs import make_compared, units_of
from tests.core.compare.drawn import traces_of

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


@pytest.mark.parametrize("text", ["x", "a:1", "a:1:0", "a:0:2", "a:-1:0", "a:x:y", "a:nan:1", ";;:", "a:0:1:2"])
def test_ranges_that_make_no_sense_are_passed_over(text: str) -> None:
    assert read_ranges(f"{text};b:0.1:0.2") == {"b": (0.1, 0.2)}


@given(
    st.dictionaries(st.sampled_from(["train.epochs", "model.layers[0].channels", "val/accuracy"]), st.just((0.2, 0.7)))
)
def test_ranges_come_back_from_the_address(ranges: dict[str, tuple[float, float]]) -> None:
    assert read_ranges(write_ranges(ranges)) == ranges
