"""The drawn differences are those of the sentences."""

import pytest

from core.compare.differences import draw_differences
from core.compare.verdicts import judge_all
from core.stats.significance import compare_paired
from tests.compared_runs import make_compared, right, units_of
from tests.core.compare.drawn import traces_of

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_the_differences_show_the_same_figures_as_the_sentences() -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    base, unit = units_of(make_compared(b), make_compared(a, settings=["train.epochs=4"]))
    (trace,) = traces_of(draw_differences(judge_all([base, unit], "last"), base).figure).values()
    comparison = compare_paired(a, b)
    assert comparison.interval is not None
    assert trace["x"] == [100 * comparison.difference]
    assert trace["x"][0] + trace["error_x"]["array"][0] == pytest.approx(100 * comparison.interval.high)
    assert trace["x"][0] - trace["error_x"]["arrayminus"][0] == pytest.approx(100 * comparison.interval.low)
