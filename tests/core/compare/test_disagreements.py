"""Disagreements are the images that one side gets right and the other wrong."""

import numpy as np
import pytest

from core.compare.disagreements import find_disagreement
from core.compare.verdicts import NoPredictionsError
from tests.compared_runs import make_compared, right, store_predictions, units_of

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_disagreements_are_just_the_images_one_gets_right_and_the_other_wrong() -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    one, two = units_of(make_compared(a), make_compared(b), fold=False)
    found = find_disagreement(one, two, "last")
    assert set(found.places.tolist()) == set(np.flatnonzero(a & ~b).tolist())
    # The surest first: the logits rise with the index.
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
    clear = [min(np.sum(a, 0)[index] / 3, 1 - np.sum(b, 0)[index] / 4) for index in found.places]
    assert clear == sorted(clear, reverse=True)
    index = found.places[0]
    assert found.right.predicted[index] == found.labels[index]
    assert found.wrong.predicted[index] == (found.labels[index] + 1) % 10
    assert found.wrong.voters[index] == 4 - found.wrong.right[index]


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
