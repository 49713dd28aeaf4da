"""Verdicts: which of two is really better, and why nothing can be said."""

import shutil

import numpy as np
import pytest

from core.compare.disagreements import find_disagreement
from core.compare.verdicts import NoPredictionsError, judge, judge_all, sort_outcomes, sort_verdicts
from core.stats.significance import compare_groups, compare_paired, compare_seeds, verdict
from tests.compared_runs import make_compared, right, store_predictions, units_of
from tests.pages.sample_runs import make_run, training

pytestmark = pytest.mark.usefixtures("lab_folders")


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


def test_what_cannot_be_compared_comes_last_by_its_reason() -> None:
    base, better = (
        make_compared(right(50, 100), name="base"),
        make_compared(right(90, 100), name="better", settings=["train.epochs=9"]),
    )
    bare = [make_run("stopped", name=name, settings=(f"train.epochs={n}",)) for n, name in ((6, "a"), (7, "b"))]
    other = make_run(name="other", preset="resnet20", settings=("train.epochs=5",))
    judged, apart = sort_verdicts(judge_all(units_of(base, bare[0], other, better, bare[1]), "last"))
    assert [verdict.unit.name for verdict in judged] == ["better"]
    assert [[verdict.unit.name for verdict in each.verdicts] for each in apart] == [["a", "b"], ["other"]]
    assert apart[0].reason == "No test result yet."
    assert apart[1].reason.startswith("Of another data set (CIFAR-10) than the baseline (Digits")


def test_outcomes_are_what_is_settled_from_the_best_to_the_worst() -> None:
    counts = {"base": 100, "far worse": 20, "worse": 50, "best": 190, "better": 160, "level": 101}
    runs = [
        make_compared(right(count, 200, 1), name=name, settings=[f"train.epochs={3 + place}"])
        for place, (name, count) in enumerate(counts.items())
    ]
    found = sort_outcomes(judge_all(units_of(*runs), "last"))
    assert {outcome: [each.unit.name for each in verdicts] for outcome, verdicts in found.items()} == {
        "better": ["best", "better"],
        "worse": ["worse", "far worse"],
        "open": ["level"],
    }
