"""A comparison says what the runs' files say: figures, spreads and differences, and why one is missing."""

import json
import re
import shutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare.curves import draw_curves
from core.compare.fields import list_fields, show_field
from core.compare.figures import BY_KEY, FIGURES, difference, find_figure, sort_units, summary_of, value_of
from core.compare.lines import CurveView
from core.compare.snapshot import MAX_RUNS, look_at, read_run
from core.compare.units import find_mismatches, put_first
from core.compare.verdicts import judge
from core.spec.cost import cost_of
from core.system import files
from tests.compared_runs import look, make_compared, right, units_of
from tests.pages.sample_runs import make_rows, make_run, training

ACCURACY, LOSS = BY_KEY["val/accuracy"], BY_KEY["val/loss"]
pytestmark = pytest.mark.usefixtures("lab_folders")


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
