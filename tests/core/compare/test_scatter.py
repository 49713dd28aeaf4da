"""The scatter shows figures where they belong."""

import json

import numpy as np
import pytest

from core.charts.colours import LEAST_TEXT_CONTRAST, find_contrast
from core.charts.palette import DARK_GROUND, LIGHT_GROUND
from core.compare.figures import find_figure, summary_of
from core.compare.references import references_for
from core.compare.scatter import ScatterView, draw_scatter
from core.spec.cost import cost_of
from core.system import files
from core.text.formats import format_count
from tests.compared_runs import make_compared, right, units_of
from tests.core.compare.drawn import traces_of, unpack
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_the_scatter_draws_the_front_and_published_results_where_they_belong() -> None:
    sizes = [("model.layers[*].channels=8", 0.5), ("model.layers[*].channels=16", 0.4), ("train.epochs=5", 0.9)]
    units = units_of(*(make_compared(right(int(1000 * share), 1000), settings=[setting]) for setting, share in sizes))
    traces = traces_of(draw_scatter(units, ScatterView()).figure)
    best = [units[0].first, units[2].first]  # the one in the middle is larger and worse than the first
    assert unpack(traces["front"]["x"]).tolist() == [cost_of(run.spec).parameters for run in best]
    assert "published" not in traces
    digits_as_cifar = units_of(make_run(preset="report", settings=("train.epochs=5",)))
    figure = draw_scatter(digits_as_cifar, ScatterView()).figure
    published, steps = traces_of(figure)["published"], json.loads(figure)["layout"]["meta"]["dark"]
    colour = published["textfont"]["color"]
    assert find_contrast(colour, LIGHT_GROUND) >= LEAST_TEXT_CONTRAST
    assert find_contrast(steps[colour], DARK_GROUND) >= LEAST_TEXT_CONTRAST
    assert set(published["text"]) == {ref.name for ref in references_for("cifar10")}
    for view in (ScatterView(references=False), ScatterView(y="val/accuracy"), ScatterView(x="minutes")):
        assert "published" not in traces_of(draw_scatter(digits_as_cifar, view).figure)
    notes = draw_scatter(units, ScatterView(x="train.learning_rate")).notes
    assert any("no Pareto front" in note for note in notes)


@pytest.mark.parametrize(
    ("x", "y", "front"),
    [
        ("parameters", "test/accuracy", {0, 2}),
        ("parameters", "val/loss", {0}),
        ("test/accuracy", "val/loss", {0, 2}),
        ("val/loss", "test/accuracy", {0, 2}),
    ],
)
def test_the_front_goes_by_what_is_better_on_each_axis(x: str, y: str, front: set[int]) -> None:
    """Three runs, from small to large: 50 % at loss 0.5, 40 % at loss 0.6, 90 % at loss 0.9."""
    runs = []
    for channels, share, loss in ((8, 0.5, 0.5), (16, 0.4, 0.6), (32, 0.9, 0.9)):
        run = make_compared(right(int(1000 * share), 1000), settings=[f"model.layers[*].channels={channels}"])
        rows = [row | {"val/loss": loss} for row in run.rows()]
        (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
        runs.append(run)
    units = units_of(*runs)
    traces = traces_of(draw_scatter(units, ScatterView(x=x, y=y)).figure)
    points = [[summary_of(unit, find_figure(key)).mean for key in (x, y)] for unit in units]
    drawn = np.column_stack([unpack(traces["front"][axis]) for axis in ("x", "y")])
    np.testing.assert_allclose(drawn, sorted(points[index] for index in front), rtol=1e-6)


def test_numbers_at_the_pointer_have_a_space_before_their_unit() -> None:
    run = make_compared(right(841, 1000))
    figure = traces_of(draw_scatter(units_of(run), ScatterView("parameters", "test/accuracy")).figure)
    parameters = format_count(cost_of(run.spec).parameters)
    assert parameters.endswith(" k")
    assert f" 84.10 %<br>Parameters {parameters}<" in figure[run.id]["hovertemplate"]


def test_an_axis_on_which_all_runs_are_one_has_ticks_that_differ() -> None:
    units = units_of(make_run(top=0.5), make_run(top=0.5, settings=("train.epochs=6",)), fold=False)
    layout = json.loads(draw_scatter(units, ScatterView("parameters", "val/accuracy")).figure)["layout"]
    parameters = units[0].first.cost.parameters
    assert layout["xaxis"]["range"] == pytest.approx([0.95 * parameters, 1.05 * parameters])
    assert layout["yaxis"]["range"] == pytest.approx([0.475, 0.525])
    assert (layout["xaxis"]["tickformat"], layout["yaxis"]["tickformat"]) == ("~s", "~%")
    across = json.loads(draw_scatter(units, ScatterView("parameters", "val/accuracy", log_x=True)).figure)["layout"]
    assert across["xaxis"]["range"] == pytest.approx(np.log10([0.95 * parameters, 1.05 * parameters]))
