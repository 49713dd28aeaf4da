"""A comparison says what the runs' files say: figures, spreads, differences and verdicts, and why one is missing."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from core import files
from core.charts import run_colour
from core.cli.app import app
from core.compare import MAX_RUNS, ComparedRun, look_at, read_run
from core.compare_charts import CURVES, CurveView, draw_curves, shorten
from core.compare_fields import list_fields, show_field
from core.compare_figures import BY_KEY, FIGURES, difference, find_figure, sort_units, summary_of, value_of
from core.compare_parallel import choose_units, draw_parallel, read_ranges, write_ranges
from core.compare_plots import ScatterView, draw_differences, draw_scatter
from core.compare_units import find_mismatches, make_units, put_first
from core.cost import cost_of
from core.disagreements import find_disagreement
from core.presets import PRESETS
from core.references import REFERENCES, references_for
from core.runs import Run
from core.spec import Dataset
from core.statistics import compare_groups, compare_paired, compare_seeds, verdict
from core.verdicts import NoPredictionsError, judge, judge_all
from tests.compared_runs import make_compared, right, store_predictions
from tests.pages.sample_runs import make_rows, make_run, training

ACCURACY, LOSS = BY_KEY["val/accuracy"], BY_KEY["val/loss"]


@pytest.fixture(autouse=True)
def own_folders(lab_folders: Path) -> Path:
    return lab_folders


def look(*runs: Run) -> tuple[ComparedRun, ...]:
    return look_at(run.id for run in runs).runs


def units_of(*runs: Run, fold: bool = True) -> list[Any]:
    return make_units(look(*runs), fold=fold)


# Looking at runs --------------------------------------------------------------------------------------------------


def test_an_unchanged_run_comes_back_as_the_same_object() -> None:
    ended, live = make_run(), make_run("interrupted", epochs_done=2)
    assert look(ended, live) == look(ended, live)


def test_a_new_epoch_a_new_name_and_an_end_are_seen_at_the_next_look() -> None:
    run = make_run(epochs_done=2)
    with training(run):
        before = read_run(run.id)
        (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(3))))
        grown = read_run(run.id)
        assert (len(before.rows), len(grown.rows)) == (2, 3)
        run.update_about(name="renamed")
        assert read_run(run.id).name == "renamed"
        assert read_run(run.id).is_active
    files.write_json(run.path / "end.json", {"state": "finished", "metrics": {"test/accuracy": 0.5}})
    assert read_run(run.id).results == {"test/accuracy": 0.5}
    assert read_run(run.id).state == "finished"


def test_metrics_that_are_written_again_replace_what_was_read_before() -> None:
    run = make_run("interrupted", epochs_done=4)
    with training(run):
        first = read_run(run.id).column("val/loss")
        for epochs, top in ((3, 0.5), (6, 0.5), (7, 0.5)):
            (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(epochs, top))))
            seen = read_run(run.id)
            for column in ("epoch", "val/accuracy"):
                assert seen.column(column).tolist() == [row[column] for row in make_rows(epochs, top)]
    assert first.tolist() == [row["val/loss"] for row in make_rows(4)]


def test_a_worker_that_dies_is_seen_though_no_file_changes() -> None:
    run = make_run("interrupted", epochs_done=2)
    with training(run):
        assert read_run(run.id).state == "running"
    assert read_run(run.id).state == "interrupted"


@pytest.mark.parametrize("run_id", ["", "nope", "../../etc/passwd", "20260101-000000-000-abcdef", "a" * 5000, "\0"])
def test_an_unknown_id_gets_a_sentence_and_the_rest_stays(run_id: str) -> None:
    run = make_run()
    found = look_at([run_id, run.id])
    assert [each.id for each in found.runs] == [run.id]
    assert len(found.problems) == 1
    assert "There is no run" in found.problems[0]


def test_a_run_deleted_or_damaged_after_the_first_look_gets_a_sentence() -> None:
    kept, deleted, damaged = make_run(), make_run(), make_run()
    assert len(look(kept, deleted, damaged)) == 3
    shutil.rmtree(deleted.path)
    (damaged.path / "spec.json").write_text("{")
    found = look_at([kept.id, deleted.id, damaged.id])
    assert [run.id for run in found.runs] == [kept.id]
    assert any(deleted.id in problem and "deleted" in problem for problem in found.problems)
    assert any(damaged.id in problem and "spec.json" in problem for problem in found.problems)


def test_no_more_than_the_most_are_compared_and_it_is_said() -> None:
    found = look_at([f"nope {number}" for number in range(MAX_RUNS + 1)])
    assert f"Only the first {MAX_RUNS} of {MAX_RUNS + 1}" in found.problems[-1]


def test_rows_with_nonsense_leave_gaps_and_break_nothing() -> None:
    run = make_run()
    rows: list[dict[str, Any]] = [*make_rows(3), {"epoch": 4, "val/loss": "x", "val/accuracy": [1]}, {"epoch": True}]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    (unit,) = units_of(run)
    assert np.isnan(unit.first.column("val/loss")).tolist() == [False, False, False, True, True]
    assert json.loads(draw_curves("loss", [unit], CurveView()).figure)["data"]


# Seeds --------------------------------------------------------------------------------------------------------------


def test_runs_fold_where_only_the_seed_differs() -> None:
    runs = [make_compared(None, seed=seed, name=f"wide, seed {seed}") for seed in (0, 1, 2)]
    other = make_compared(None, settings=["train.learning_rate=0.01"], name="fast")
    units = units_of(*runs, other)
    assert [(unit.name, len(unit.runs)) for unit in units] == [("wide", 3), ("fast", 1)]
    assert [unit.name for unit in units_of(*runs, other, fold=False)] == [run.about.name for run in (*runs, other)]
    # Colour and place are those of the smallest seed, whatever the order.
    assert units_of(*reversed(runs))[0].id == runs[0].id


def test_equal_specs_on_other_images_do_not_fold() -> None:
    runs = [make_compared(None, seed=seed) for seed in (0, 1)]
    for run, fingerprint in zip(runs, ("a", "b"), strict=True):
        files.write_json(run.path / "environment.json", {"data_fingerprint": fingerprint}, sync=False)
    assert len(units_of(*runs)) == 2


def test_a_repeated_seed_counts_once_and_it_is_said() -> None:
    images = 200
    twice = [make_compared(right(150, images), seed=0, name="a seed 0") for _ in range(2)]
    other = make_compared(right(140, images), seed=1, name="a seed 1")
    baseline = make_compared(right(100, images, 1), settings=["train.epochs=4"], name="b")
    base, unit = units_of(baseline, *twice, other)
    summary = summary_of(unit, BY_KEY["test/accuracy"])
    assert summary is not None
    assert (summary.n, summary.mean) == (2, pytest.approx(0.725))
    assert any("repeats a seed" in remark for remark in judge(unit, base, "last").remarks)


@pytest.mark.parametrize(
    ("names", "group"),
    [
        (["a <b>x</b> seed 1", "a <b>x</b> seed 2"], "a <b>x</b>"),
        (["one", "two"], "one and 1 more"),
        (["seed 0", "seed 1"], "seed 0 and 1 more"),
    ],
)
def test_a_group_is_called_by_what_its_names_share(names: list[str], group: str) -> None:
    assert units_of(*(make_compared(None, seed=seed, name=name) for seed, name in enumerate(names)))[0].name == group


def test_units_of_the_same_name_are_told_apart() -> None:
    units = units_of(make_run(name="x"), make_run(name="x", settings=("train.epochs=7",)))
    assert units[0].name != units[1].name


@given(st.lists(st.integers(), unique=True), st.data())
def test_any_unit_can_be_made_the_baseline(numbers: list[int], data: st.DataObject) -> None:
    ids = list(map(str, numbers))
    chosen = data.draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
    ordered = put_first(ids, chosen)
    assert sorted(ordered) == sorted(ids)
    assert set(ordered[: len(chosen)]) == set(chosen)


# Figures --------------------------------------------------------------------------------------------------------------


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


# What differs -------------------------------------------------------------------------------------------------------


def test_only_what_differs_and_has_an_effect_is_listed() -> None:
    base = make_compared(None)  # Adam: momentum has no effect
    other = make_compared(None, seed=3, settings=["train.momentum=0.5", "train.batch_size=32"])
    units = units_of(base, other)
    assert list_fields(units, only_differing=True) == ["train.batch_size", "train.seed"]
    sgd = make_compared(None, settings=["train.optimizer=sgd", "train.momentum=0.5"])
    units = units_of(base, sgd)
    assert "train.momentum" in list_fields(units, only_differing=True)
    assert [show_field(unit.first, "train.momentum") for unit in units] == ["", "0.5"]


def test_all_fields_can_be_listed_and_a_missing_layer_is_a_difference() -> None:
    units = units_of(make_run(), make_run(preset="report", settings=("train.epochs=5",)))
    assert "train.seed" in list_fields(units, only_differing=False)
    assert "model.layers[0].channels" in list_fields(units, only_differing=True)


def test_other_data_and_other_splits_are_named() -> None:
    base = make_compared(None, name="base")
    other_split = make_compared(None, name="moved", settings=["data.split_seed=1"])
    other_share = make_compared(None, name="share", settings=["data.val_fraction=0.2"])
    photographs = make_run(name="photos", preset="report", settings=("train.epochs=5",))
    capped = make_compared(None, name="capped", settings=["data.max_train_images=100"])
    sentences = find_mismatches(units_of(base, other_split, other_share, photographs, capped))
    assert len(sentences) == 3
    assert re.match("moved: other test and validation images", sentences[0])
    assert re.match("share: other validation images", sentences[1])
    assert re.match(r"photos: another data set .*CIFAR-10 instead of Digits", sentences[2])


# Verdicts ---------------------------------------------------------------------------------------------------------


def test_two_runs_are_judged_on_the_same_images() -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    base, unit = units_of(make_compared(b, name="B"), make_compared(a, name="A"), fold=False)
    found = judge(unit, base, "last")
    assert found.comparison == compare_paired(a, b)
    assert found.sentence == verdict(compare_paired(a, b), "A", "B")
    assert "A is better by 15.0 points" in found.sentence


def test_groups_are_judged_over_seeds_and_images() -> None:
    a = np.stack([right(150 + seed, 200, seed) for seed in range(3)])
    b = np.stack([right(140 + seed, 200, seed + 9) for seed in range(2)])
    first = [make_compared(row, seed=seed, name=f"b seed {seed}") for seed, row in enumerate(b)]
    second = [
        make_compared(row, seed=seed, name=f"a seed {seed}", settings=["train.epochs=4"]) for seed, row in enumerate(a)
    ]
    base, unit = units_of(*first, *second)
    assert judge(unit, base, "last").comparison == compare_groups(a, b)


def test_without_predictions_only_the_seeds_are_compared() -> None:
    first = [make_compared(right(160 + 3 * seed, 200), seed=seed) for seed in range(3)]
    second = [make_compared(right(120 + 3 * seed, 200), seed=seed, settings=["train.epochs=4"]) for seed in range(3)]
    for run in second:
        shutil.rmtree(run.path / "predictions")
    base, unit = units_of(*first, *second)
    found = judge(unit, base, "last")
    assert found.comparison == compare_seeds([0.6, 0.615, 0.63], [0.8, 0.815, 0.83])
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("3 of 3 runs")


def test_other_test_images_leave_only_the_seeds_and_other_data_nothing() -> None:
    base, moved, photographs = units_of(
        make_compared(right(150, 200)),
        make_compared(right(150, 200), settings=["data.split_seed=1"]),
        make_run(preset="report", settings=("train.epochs=5",)),
    )
    found = judge(moved, base, "last")
    assert "different images" in found.remarks[0]
    assert found.sentence.startswith("Cannot tell yet")
    found = judge(photographs, base, "last")
    assert found.comparison is None
    assert "another data set" in found.sentence


def test_labels_that_do_not_agree_are_other_images_whatever_the_spec_says() -> None:
    one, two = make_compared(right(150, 200)), make_compared(None, settings=["train.epochs=4"])
    store_predictions(two, right(150, 200), labels=np.zeros(200, np.int64))
    base, unit = units_of(one, two)
    assert "different images" in judge(unit, base, "last").remarks[0]
    with pytest.raises(NoPredictionsError, match="different images"):
        find_disagreement(base, unit, "last")


def test_a_run_that_still_trains_or_was_stopped_says_so() -> None:
    base = make_compared(right(150, 200), name="base")
    live = make_run(epochs_done=1, name="live", settings=("train.epochs=9",))
    stopped = make_run("stopped", epochs_done=1, name="halted", settings=("train.epochs=8",))
    with training(live):
        verdicts = judge_all(units_of(base, live, stopped), "last")
    assert verdicts[0].sentence == "live has no test result yet."
    assert "has not ended yet" in verdicts[0].remarks[0]
    assert "was stopped before its end" in verdicts[1].remarks[0]


def test_predictions_that_cannot_be_used_are_told_and_harm_nothing() -> None:
    base, other = make_compared(right(150, 200)), make_compared(right(150, 200), settings=["train.epochs=4"])
    logits = np.full((200, 10), np.nan, np.float16)
    np.save(other.path / "predictions" / "test_last.npy", logits)
    found = judge_all(units_of(base, other), "last")[0]
    assert "diverged" in found.remarks[0]


def test_disagreements_are_just_the_images_one_gets_right_and_the_other_wrong() -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    one, two = units_of(make_compared(a), make_compared(b), fold=False)
    found = find_disagreement(one, two, "last")
    assert set(found.places.tolist()) == set(np.flatnonzero(a & ~b).tolist())
    # The surest first: the logits rise with the place.
    assert found.places.tolist() == sorted(found.places.tolist(), reverse=True)
    assert found.right.sure[found.places[-1]] == pytest.approx(np.exp(4) / (np.exp(4) + 9), rel=2e-2)


def test_groups_disagree_where_the_majority_of_one_is_right_and_of_the_other_wrong() -> None:
    a = [right(150, 200, seed) for seed in (1, 2, 3)]
    b = [right(120, 200, seed) for seed in (4, 5, 6, 7)]
    ours = [make_compared(correct, seed=seed, name="A") for seed, correct in enumerate(a)]
    theirs = [
        make_compared(correct, seed=seed, name="B", settings=["train.epochs=4"]) for seed, correct in enumerate(b)
    ]
    one, two = units_of(*ours, *theirs)
    found = find_disagreement(one, two, "last")
    # Two of four right is neither the one nor the other.
    expected = np.flatnonzero((np.sum(a, 0) >= 2) & (np.sum(b, 0) <= 1))
    assert sorted(found.places.tolist()) == expected.tolist()
    np.testing.assert_array_equal(found.right.right, np.sum(a, 0))
    np.testing.assert_array_equal(found.wrong.right, np.sum(b, 0))
    # Those on which all seeds are of one mind come before those on which some waver.
    clear = [min(np.sum(a, 0)[place] / 3, 1 - np.sum(b, 0)[place] / 4) for place in found.places]
    assert clear == sorted(clear, reverse=True)
    place = found.places[0]
    assert found.right.told[place] == found.labels[place]
    assert found.wrong.told[place] == (found.labels[place] + 1) % 10
    assert found.wrong.voters[place] == 4 - found.wrong.right[place]


def test_a_side_is_told_by_the_wrong_answer_that_most_of_its_seeds_give() -> None:
    labels = np.zeros(1, np.int64)
    ours = make_compared([True], name="A")
    store_predictions(ours, np.array([True]), labels)
    group = []
    for seed, (told, logit) in enumerate([(0, 6), (3, 6), (2, 2), (2, 2), (5, 1)]):
        run = make_compared([False], seed=seed, name="B", settings=["train.epochs=4"])
        logits = np.zeros((1, 10), np.float16)
        logits[0, told] = logit
        np.save(run.path / "predictions" / "test_last.npy", logits)
        np.save(run.path / "predictions" / "test_labels.npy", labels)
        group.append(run)
    found = find_disagreement(*units_of(ours, *group), "last")
    assert (found.wrong.told[0], found.wrong.voters[0], found.wrong.right[0]) == (2, 2, 1)
    assert found.wrong.sure[0] == pytest.approx(np.exp(2) / (np.exp(2) + 9), rel=1e-3)


def test_a_group_disagrees_by_the_seeds_that_have_predictions_and_says_which_have_none() -> None:
    runs = [make_compared(right(15, 20, seed), seed=seed, name="A") for seed in (0, 1)]
    without = make_compared(None, seed=2, name="A")
    other = make_compared(right(9, 20), name="B", settings=["train.epochs=4"])
    group, alone = units_of(*runs, without, other)
    found = find_disagreement(group, alone, "last")
    assert found.right.num_seeds == 2
    assert "no test predictions" in found.remarks[0]
    with pytest.raises(NoPredictionsError, match="no test predictions"):
        find_disagreement(*units_of(without, other), "last")


# References -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "name"), [("resnet20", "ResNet-20"), ("resnet56", "ResNet-56")])
def test_published_sizes_are_those_of_the_presets_of_that_name(preset: str, name: str) -> None:
    (reference,) = [ref for ref in references_for("cifar10") if ref.name == name]
    assert cost_of(PRESETS[preset].spec).parameters == pytest.approx(reference.parameters, rel=0.02)


def test_every_reference_names_its_source_and_a_possible_result() -> None:
    for reference in REFERENCES:
        assert re.search(r"arXiv:[0-9]{4}\.[0-9]{5}", reference.source)
        assert 0.7 < reference.test_accuracy < 0.97
    assert references_for("digits") == ()


# Drawing --------------------------------------------------------------------------------------------------------------


def unpack(values: Any) -> np.ndarray:
    if isinstance(values, list):
        return np.array(values, float)
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])


def traces_of(figure: str) -> dict[str, dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    traces = json.loads(figure, parse_constant=refuse)["data"]
    assert len({trace["uid"] for trace in traces}) == len(traces)
    # Plotly makes a selector of it when the trace goes.
    assert all(re.fullmatch(r"[\w-]+", trace["uid"]) for trace in traces)
    return {trace["uid"]: trace for trace in traces}


def test_colour_is_the_run_and_training_is_dashed() -> None:
    runs = [make_run(), make_run(settings=("train.epochs=7",))]
    traces = traces_of(draw_curves("loss", units_of(*runs), CurveView()).figure)
    for run in runs:
        val, train = traces[f"{run.id}-val-loss"], traces[f"{run.id}-train-loss"]
        assert val["line"]["color"] == train["line"]["color"] == run_colour(run.id)
        assert (val["line"]["dash"], train["line"]["dash"]) == ("solid", "dash")
        assert val["showlegend"]
        assert not train["showlegend"]
    assert len(traces_of(draw_curves("loss", units_of(*runs), CurveView(training=False)).figure)) == 2


@pytest.mark.parametrize("spread", ["sd", "se"])
def test_a_groups_line_is_the_mean_and_its_band_the_spread_of_its_seeds(spread: Any) -> None:
    tops = (0.6, 0.7, 0.9)
    runs = [make_compared(None, seed=seed, top=top) for seed, top in enumerate(tops)]
    unit = units_of(*runs)[0]
    traces = traces_of(draw_curves("accuracy", [unit], CurveView(spread=spread)).figure)
    values = np.stack([[row["val/accuracy"] for row in run.rows] for run in unit.runs])
    reach = values.std(0, ddof=1) / (np.sqrt(3) if spread == "se" else 1)
    key = f"{unit.id}-val-accuracy"
    np.testing.assert_allclose(unpack(traces[key]["y"]), values.mean(0), rtol=1e-6)
    np.testing.assert_allclose(unpack(traces[f"{key}-low"]["y"]), values.mean(0) - reach, rtol=1e-5)
    np.testing.assert_allclose(unpack(traces[f"{key}-high"]["y"]), values.mean(0) + reach, rtol=1e-5)
    assert unpack(traces[key]["customdata"]).tolist() == [3] * 5


def test_a_seed_that_stopped_early_leaves_the_mean_of_the_others() -> None:
    long = make_compared(None, seed=0)
    short = make_compared(None, seed=1, epochs_done=2, state="stopped")
    unit = units_of(long, short)[0]
    trace = traces_of(draw_curves("accuracy", [unit], CurveView()).figure)[f"{unit.id}-val-accuracy"]
    assert unpack(trace["customdata"]).tolist() == [2, 2, 1, 1, 1]
    assert unpack(trace["y"])[-1] == pytest.approx(look(long)[0].rows[-1]["val/accuracy"])


@pytest.mark.parametrize(("axis", "column"), [("epoch", "epoch"), ("step", "step"), ("minutes", "seconds")])
def test_the_axis_across_is_epoch_step_or_minutes(axis: Any, column: str) -> None:
    unit = units_of(make_run())[0]
    trace = traces_of(draw_curves("loss", [unit], CurveView(x=axis)).figure)[f"{unit.id}-val-loss"]
    expected = unit.first.column(column) / (60 if axis == "minutes" else 1)
    np.testing.assert_allclose(unpack(trace["x"]), expected, rtol=1e-6)


def test_outliers_leave_the_frame_and_are_counted() -> None:
    run = make_run()
    rows = make_rows(40)
    for row in rows:
        row["train/loss"] = row["val/loss"] = 1 + row["epoch"] / 100
    rows[0]["val/loss"] = 50.0
    rows[1]["train/loss"] = 40.0
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    units = units_of(run)
    whole, clipped = (draw_curves("loss", units, CurveView(clip=clip)) for clip in (False, True))
    assert whole.notes == ()
    assert clipped.notes == ("2 points hidden",)
    low, high = json.loads(clipped.figure)["layout"]["yaxis"]["range"]
    assert low < 1.01
    assert 1.4 < high < 2
    # The lines themselves are whole: zooming out brings everything back.
    assert unpack(traces_of(clipped.figure)[f"{run.id}-val-loss"]["y"]).max() == 50


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
    for trace, line in lines:
        run, column = expected[line["id"]], line["series"]
        values = unpack(trace["y"])
        np.testing.assert_allclose(values[line["from"] : line["to"]], run.column(column), rtol=1e-6)
        assert np.isnan(values[line["to"] : line["to"] + 1]).all()
        assert trace["line"]["color"] == run_colour(run.id)
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


@given(st.text(max_size=200))
def test_a_shortened_name_keeps_its_two_ends(name: str) -> None:
    short = shorten(name)
    assert len(short) <= 34
    assert short[0:1] == name[0:1]
    assert short[-1:] == name[-1:]


def test_the_scatter_draws_the_front_and_published_results_where_they_belong() -> None:
    sizes = [("model.layers[*].channels=8", 0.5), ("model.layers[*].channels=16", 0.4), ("train.epochs=5", 0.9)]
    units = units_of(*(make_compared(right(int(1000 * share), 1000), settings=[setting]) for setting, share in sizes))
    traces = traces_of(draw_scatter(units, ScatterView()).figure)
    best = [units[0].first, units[2].first]  # the one in the middle is larger and worse than the first
    assert unpack(traces["front"]["x"]).tolist() == [cost_of(run.spec).parameters for run in best]
    assert "published" not in traces
    digits_as_cifar = units_of(make_run(preset="report", settings=("train.epochs=5",)))
    published = traces_of(draw_scatter(digits_as_cifar, ScatterView()).figure)["published"]
    assert set(published["text"]) == {ref.name for ref in references_for("cifar10")}
    for view in (ScatterView(references=False), ScatterView(y="val/accuracy"), ScatterView(x="minutes")):
        assert "published" not in traces_of(draw_scatter(digits_as_cifar, view).figure)
    notes = draw_scatter(units, ScatterView(x="train.learning_rate")).notes
    assert any("no Pareto front" in note for note in notes)


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


def test_the_differences_show_the_same_figures_as_the_sentences() -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    base, unit = units_of(make_compared(b), make_compared(a, settings=["train.epochs=4"]))
    (trace,) = traces_of(draw_differences(judge_all([base, unit], "last"), base).figure).values()
    comparison = compare_paired(a, b)
    assert comparison.interval is not None
    assert trace["x"] == [100 * comparison.difference]
    assert trace["x"][0] + trace["error_x"]["array"][0] == pytest.approx(100 * comparison.interval.high)
    assert trace["x"][0] - trace["error_x"]["arrayminus"][0] == pytest.approx(100 * comparison.interval.low)


# The command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def compare() -> Callable[..., Any]:
    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(app, ["compare", *arguments])
        assert "Traceback" not in result.output
        return result

    return run


def test_the_command_prints_figures_differences_and_the_verdict(compare: Callable[..., Any]) -> None:
    a, b = make_compared(right(150, 200, 1), name="A"), make_compared(right(120, 200, 2), settings=["train.epochs=4"])
    result = compare(a.id, b.id)
    assert result.exit_code == 0
    assert re.search(r"train\.epochs +5 +4", result.stdout)
    assert "A is better by 15.0 points" in result.stdout
    assert "75.00 %" in result.stdout


def test_the_json_is_strict_and_holds_the_comparison(compare: Callable[..., Any]) -> None:
    a = [make_compared(right(150 + seed, 200), seed=seed, name=f"a seed {seed}") for seed in range(2)]
    b = make_run("stopped", epochs_done=0, settings=("train.epochs=4",), name="b")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    told = json.loads(compare(*(run.id for run in a), b.id, "--json").stdout, parse_constant=refuse)
    assert [unit["name"] for unit in told["units"]] == ["a", "b"]
    assert told["units"][0]["figures"]["test/accuracy"]["n"] == 2
    assert told["units"][1]["figures"]["val/accuracy"] is None
    assert told["differs"] == {"train.epochs": [5, 4]}
    assert told["verdicts"][0]["comparison"] is None


def test_the_command_needs_two_runs_that_exist(compare: Callable[..., Any]) -> None:
    run = make_run()
    for arguments in ([run.id], [run.id, run.id], [run.id, "nope"]):
        result = compare(*arguments)
        assert result.exit_code == 2
        assert result.stderr.strip().endswith(".")


def test_seeds_of_one_spec_are_shown_one_by_one_on_request(compare: Callable[..., Any]) -> None:
    runs = [make_compared(right(150, 200, seed), seed=seed, name=f"a seed {seed}") for seed in range(2)]
    folded, apart = compare(*(run.id for run in runs)), compare(*(run.id for run in runs), "--no-fold")
    assert "only in their seed" in folded.stdout
    assert "McNemar" in apart.stdout


def test_data_sets_of_references_are_known() -> None:
    from typing import get_args

    assert {reference.dataset for reference in REFERENCES} <= set(get_args(Dataset))
