"""Verdicts and disagreements: which of two is really better, on which images, and why nothing can be said."""

import shutil

import numpy as np
import pytest

from core.compare.disagreements import find_disagreement
from core.compare.verdicts import NoPredictionsError, judge, judge_all
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


def test_disagreements_are_just_the_images_one_gets_right_and_the_other_wrong() -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    one, two = units_of(make_compared(a), make_compared(b), fold=False)
    found = find_disagreement(one, two, "last")
    assert set(found.places.tolist()) == set(np.flatnonzero(a & ~b).tolist())
    # The surest first: the logits rise with the place.
    assert found.places.tolist() == sorted(found.places.tolist(), reverse=True)
    assert found.right.confidence[found.places[-1]] == pytest.approx(np.exp(4) / (np.exp(4) + 9), rel=2e-2)


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
    assert found.right.predicted[place] == found.labels[place]
    assert found.wrong.predicted[place] == (found.labels[place] + 1) % 10
    assert found.wrong.voters[place] == 4 - found.wrong.right[place]


def test_a_side_is_told_by_the_wrong_answer_that_most_of_its_seeds_give() -> None:
    labels = np.zeros(1, np.int64)
    ours = make_compared([True], name="A")
    store_predictions(ours, np.array([True]), labels)
    group = []
    for seed, (predicted, logit) in enumerate([(0, 6), (3, 6), (2, 2), (2, 2), (5, 1)]):
        run = make_compared([False], seed=seed, name="B", settings=["train.epochs=4"])
        logits = np.zeros((1, 10), np.float16)
        logits[0, predicted] = logit
        np.save(run.path / "predictions" / "test_last.npy", logits)
        np.save(run.path / "predictions" / "test_labels.npy", labels)
        group.append(run)
    found = find_disagreement(*units_of(ours, *group), "last")
    assert (found.wrong.predicted[0], found.wrong.voters[0], found.wrong.right[0]) == (2, 2, 1)
    assert found.wrong.confidence[0] == pytest.approx(np.exp(2) / (np.exp(2) + 9), rel=1e-3)


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
