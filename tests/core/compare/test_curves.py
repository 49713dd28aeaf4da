"""Curves show what the runs' files say, of one run and of many."""

import json
from typing import Any

import numpy as np
import pytest

from core.charts.lines import MAX_POINTS
from core.charts.palette import pick_ink
from core.compare.curves import draw_curves
from core.compare.differences import draw_differences
from core.compare.fields import list_fields
from core.compare.figures import BY_KEY
from core.compare.lines import CURVES, CurveMetric, CurveView, find_measured
from core.compare.parallel import draw_parallel
from core.compare.scatter import ScatterView, draw_scatter
from core.compare.snapshot import read_run
from core.compare.verdicts import judge_all
from core.compare.within import look_within
from core.runs import layout
from core.system import files
from tests.compared_runs import look, make_compared, right, units_of
from tests.core.compare.drawn import traces_of, unpack
from tests.pages.sample_runs import make_rows, make_run

ACCURACY = BY_KEY["val/accuracy"]
pytestmark = pytest.mark.usefixtures("lab_folders")


def test_colour_is_the_run_and_training_is_dashed() -> None:
    runs = [make_run(), make_run(settings=("train.epochs=7",))]
    traces = traces_of(draw_curves("loss", units_of(*runs), CurveView()).figure)
    inks = {unit.id: unit.ink for unit in units_of(*runs)}
    assert inks[runs[0].id] == pick_ink(runs[0].id)
    layout = json.loads(draw_curves("loss", units_of(*runs), CurveView()).figure)["layout"]
    assert layout["meta"]["dark"] == {ink.light: ink.dark for ink in inks.values()}
    for run in runs:
        val, train = traces[f"{run.id}-val-loss"], traces[f"{run.id}-train-loss"]
        assert val["line"]["color"] == train["line"]["color"] == inks[run.id].light
        assert (val["line"]["dash"], train["line"]["dash"]) == ("solid", "dash")
        assert val["showlegend"]
        assert not train["showlegend"]
    assert len(traces_of(draw_curves("loss", units_of(*runs), CurveView(training=False)).figure)) == 2


ONE_RUN = CurveView(best=True)


def draw_one(
    metric: CurveMetric, view: CurveView = ONE_RUN, *, epochs: int = 12, name: str = "a run"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The traces and the layout of a single run's chart; the traces without its id in front."""
    run = make_run(name=name)
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(epochs))))
    figure = draw_curves(metric, units_of(run), view).figure
    traces = {uid.removeprefix(f"{run.id}-"): trace for uid, trace in traces_of(figure).items()}
    return traces, json.loads(figure)["layout"]


LOSSES = pytest.approx([2.2 / epoch for epoch in range(1, 13)])


def test_a_single_run_names_both_splits_and_shows_them_together_at_the_pointer() -> None:
    traces, layout = draw_one("loss")
    training, validation = traces["train-loss"], traces["val-loss"]
    assert (training["line"]["dash"], validation["line"]["dash"]) == ("dash", "solid")
    assert training["line"]["color"] == validation["line"]["color"]
    assert unpack(validation["y"]).tolist() == LOSSES
    assert (training["name"], validation["name"]) == ("training", "validation")
    assert all(each["showlegend"] for each in (training, validation, layout))
    assert training["legendgroup"] != validation["legendgroup"]  # each goes by itself
    assert layout["hovermode"] == "x unified"
    assert validation["hovertemplate"] == "validation: %{y:.4f}<extra></extra>"
    assert not draw_one("learning_rate")[1]["showlegend"]


def test_smoothing_draws_the_raw_line_faint_behind() -> None:
    traces, _ = draw_one("loss", CurveView(smoothing=0.6))
    names = list(traces)
    assert names.index("val-loss-raw") < names.index("val-loss")
    raw = traces["val-loss-raw"]
    assert raw["opacity"] < 0.5
    assert raw["hoverinfo"] == "skip"
    assert unpack(raw["y"]).tolist() == LOSSES
    # Speeds and rates are drawn as they were.
    assert len(draw_one("learning_rate", CurveView(smoothing=0.6))[0]) == 1


def test_the_ring_stands_at_the_best_epoch() -> None:
    ring = draw_one("accuracy")[0]["best"]
    assert ring["x"] == [11]
    assert ring["y"][0] == pytest.approx(0.9)
    assert ring["name"] == "best epoch 11"
    runs = [make_run(name=name, settings=(f"train.epochs={5 + len(name)}",)) for name in ("a", "bc")]
    rings = {f"{run.id}-best" for run in runs}
    assert rings <= set(traces_of(draw_curves("loss", units_of(*runs), ONE_RUN).figure))
    assert rings.isdisjoint(traces_of(draw_curves("learning_rate", units_of(*runs), ONE_RUN).figure))
    # The mean of several seeds has no best epoch.
    group = [make_compared(None, seed=seed) for seed in (0, 1)]
    assert not any("best" in uid for uid in traces_of(draw_curves("loss", units_of(*group), ONE_RUN).figure))


def test_minutes_on_x_are_seconds_of_training() -> None:
    traces, layout = draw_one("accuracy", CurveView(x="minutes"))
    assert unpack(traces["val-accuracy"]["x"]).tolist() == pytest.approx([3 * epoch / 60 for epoch in range(1, 13)])
    assert layout["xaxis"]["unifiedhovertitle"] == {"text": "minutes %{x}"}


def test_zoom_is_kept_until_the_meaning_of_an_axis_changes() -> None:
    (_, plain), (_, longer) = draw_one("loss"), draw_one("loss", epochs=13)
    assert plain["uirevision"] == longer["uirevision"]
    assert plain["xaxis"]["uirevision"] == longer["xaxis"]["uirevision"]
    assert plain["xaxis"]["uirevision"] != draw_one("loss", CurveView(x="minutes"))[1]["xaxis"]["uirevision"]
    assert plain["yaxis"]["uirevision"] != draw_one("loss", CurveView(log=True))[1]["yaxis"]["uirevision"]


def test_log_scale_is_for_loss_and_rate_alone() -> None:
    types = {metric: draw_one(metric, CurveView(log=True))[1]["yaxis"]["type"] for metric in CURVES}
    assert types == dict.fromkeys(CURVES, "linear") | {"loss": "log", "learning_rate": "log"}


def test_ticks_of_a_log_scale_are_whole_numbers_in_one_style() -> None:
    formats = {draw_one(metric, CurveView(log=True))[1]["yaxis"]["tickformat"] for metric in ("loss", "learning_rate")}
    assert formats == {"~g"}, "Plotly's own would be 2, 5 and 10⁻³ on one axis"


@pytest.mark.parametrize(
    ("metric", "number", "ticks", "unit"),
    [
        ("accuracy", ".2%", "~%", ""),
        ("loss", ".4f", None, ""),
        ("learning_rate", ".3g", None, ""),
        ("images_per_second", ",.0f", None, ""),
        ("use", ".0f", "d", " %"),
        ("memory", ".3s", "~s", "B"),
    ],
)
def test_numbers_have_their_format_and_unit_and_what_is_no_result_begins_at_zero(
    metric: CurveMetric, number: str, ticks: str | None, unit: str
) -> None:
    traces, layout = draw_one(metric)
    axis = layout["yaxis"]
    assert (axis["hoverformat"], axis.get("tickformat"), axis["ticksuffix"]) == (number, ticks, unit)
    assert (axis.get("rangemode") == "tozero") == (metric not in ("accuracy", "loss"))
    said = "%{text}" if metric in ("memory", "accuracy") else f"%{{y:{number}}}{unit}"
    assert all(f"{said}<" in t["hovertemplate"] for uid, t in traces.items() if uid != "best")
    several = draw_curves(metric, units_of(make_run(), make_run(settings=("train.epochs=7",))), CurveView())
    meta = json.loads(several.figure)["layout"]["meta"]
    assert (meta["nearest"], meta["unit"]) == (number, unit)


def test_memory_has_a_space_before_its_unit_at_ticks_and_pointer() -> None:
    """Plotly's own SI prefixes stand at the number and at the unit: 600MB."""
    traces, layout = draw_one("memory")
    aliases = layout["yaxis"]["labelalias"]
    assert {aliases[tick] for tick in ("0.6GB", "600MB", "550MB") if tick in aliases} >= {"600 MB", "550 MB"}
    assert {text for trace in traces.values() for text in trace.get("text", [])} == {"600 MB"}


def test_a_share_has_a_space_before_the_sign_at_the_pointer() -> None:
    """Plotly writes 84.10%, all else of the lab 84.10 %."""
    run = make_run(top=0.9)
    shown = traces_of(draw_curves("accuracy", units_of(run), ONE_RUN).figure)[f"{run.id}-val-accuracy"]
    assert shown["text"][-2:] == ["90.00 %", "89.00 %"]


def test_a_long_run_is_thinned_and_travels_as_bytes() -> None:
    run = make_run()
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(6000))))
    figure = draw_curves("loss", units_of(run), ONE_RUN).figure
    assert len(unpack(traces_of(figure)[f"{run.id}-val-loss"]["x"])) <= MAX_POINTS
    assert len(figure) < 40_000


def test_a_run_without_an_epoch_or_a_column_makes_an_empty_chart() -> None:
    for metric in CURVES:
        assert draw_one(metric, epochs=0)[0] == {}
    old = make_run()
    (old.path / "metrics.jsonl").write_bytes(files.to_line({"epoch": 1}))
    drawing = draw_curves("use", units_of(old), ONE_RUN)
    assert traces_of(drawing.figure) == {}
    assert drawing.notes == ("not measured",)
    assert find_measured(units_of(old)) == []
    assert find_measured(units_of(make_run())) == list(CURVES)


def test_a_name_is_text_in_a_figure() -> None:
    runs = [make_run(name="<b>%{y}</b>"), make_run(name="other", settings=("train.epochs=7",))]
    shown = traces_of(draw_curves("loss", units_of(*runs), CurveView()).figure)[f"{runs[0].id}-val-loss"]
    assert shown["name"] == "&lt;b&gt;%&#123;y}&lt;/b&gt;"
    assert "<b>" not in shown["hovertemplate"]
    assert shown["hovertemplate"].count("%{") == 1


def test_many_long_curves_are_thinned_and_it_is_said() -> None:
    runs = []
    for number in range(30):
        run = make_run(settings=(f"train.epochs={number + 500}",))
        (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(500))))
        runs.append(run)
    drawing = draw_curves("loss", units_of(*runs), CurveView())
    assert drawing.notes == ("point at a line for its name", "thinned to 300 points a line")
    assert all(line["to"] - line["from"] <= 300 for _, line in joined_lines(drawing.figure))


def joined_lines(figure: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Traces that hold several lines, with what each says of one of them."""
    return [(trace, line) for trace in traces_of(figure).values() for line in trace["meta"].get("lines", [])]


def test_lines_joined_into_few_traces_are_whole_and_keep_colour_and_dash() -> None:
    lengths = range(1, 31)
    runs = [make_run(settings=(f"train.epochs={epochs + 500}",), epochs_done=epochs) for epochs in lengths]
    lines = joined_lines(draw_curves("loss", units_of(*runs), CurveView()).figure)
    assert len(lines) == 2 * len(runs)
    expected = {run.id: run for run in look(*runs)}
    inks = {unit.id: unit.ink for unit in units_of(*runs)}
    for trace, line in lines:
        run, column = expected[line["id"]], line["series"]
        values = unpack(trace["y"])
        np.testing.assert_allclose(values[line["from"] : line["to"]], run.column(column), rtol=1e-6)
        assert np.isnan(values[line["to"] : line["to"] + 1]).all()
        assert trace["line"]["color"] == inks[run.id].light
        assert trace["line"]["dash"] == ("dash" if column.startswith("train/") else "solid")
        # A single point makes no line.
        assert "markers" in trace["mode"] or len(run.rows) > 1


def test_seeds_behind_a_mean_are_counted_in_joined_lines_too() -> None:
    alone = [make_compared(None, settings=[f"train.epochs={epochs + 6}"]) for epochs in range(24)]
    group = [make_compared(None, seed=seed) for seed in (0, 1)]
    lines = joined_lines(draw_curves("accuracy", units_of(*alone, *group), CurveView()).figure)
    counts = {line["id"]: unpack(trace["customdata"])[line["from"] : line["to"]] for trace, line in lines
              if "customdata" in trace}  # fmt: skip
    assert counts[group[0].id].tolist() == [2] * 5
    assert all(np.isnan(counts[run.id]).all() for run in alone if run.id in counts)


@pytest.mark.parametrize(("count", "raw"), [(2, 4), (11, 0)])
def test_few_smoothed_runs_keep_their_raw_lines_behind(count: int, raw: int) -> None:
    units = units_of(*(make_run(settings=(f"train.epochs={number + 5}",)) for number in range(count)))
    traces = traces_of(draw_curves("loss", units, CurveView(smoothing=0.5)).figure)
    assert sum(uid.endswith("-raw") for uid in traces) == raw


def test_an_unchanged_comparison_is_not_drawn_again() -> None:
    runs = [make_run(), make_run(settings=("train.epochs=7",))]
    first, second = (draw_curves("loss", units_of(*runs), CurveView()) for _ in range(2))
    assert first is second


def test_a_name_is_text_in_every_figure() -> None:
    name = "<b>x</b> %{y} [a](b)"
    runs = [make_compared(right(9, 20), name=name), make_compared(right(5, 20), settings=["train.epochs=4"])]
    units = units_of(*runs)
    drawings = [
        *(draw_curves(metric, units, CurveView()) for metric in CURVES),
        draw_scatter(units, ScatterView()),
        draw_parallel(units, list_fields(units, only_differing=True), ACCURACY, "best"),
        draw_differences(judge_all(units[::-1], "last"), units[1]),
    ]
    for drawing in drawings:
        for trace in json.loads(drawing.figure)["data"]:
            shown = json.dumps({key: value for key, value in trace.items() if key != "meta"})
            assert "<b>x" not in shown
            assert "x</b> %{y}" not in shown


def test_the_line_by_step_is_whole_until_there_is_one_of_the_epochs() -> None:
    for epochs, opacity in ((0, None), (1, 0.45)):
        run = make_run(epochs_done=epochs)
        (run.path / layout.STEPS).write_bytes(
            b"".join(
                files.to_line(
                    {"step": n, "epochs": n / 4, "seconds": 1.0 * n, "images": 8 * n, "loss": 16.0, "right": 4}
                )
                for n in (1, 2)
            )
        )
        steps, _ = look_within(read_run(run.id), "steps")
        (unit,) = units_of(run)
        traces = traces_of(draw_curves("loss", [unit], CurveView(), steps).figure)
        (by_step,) = [trace for uid, trace in traces.items() if uid.endswith("-steps")]
        assert by_step.get("opacity") == opacity
