"""Accuracy, classes, top-k and learning history: against scikit-learn, statsmodels and published examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score
from statsmodels.stats.proportion import proportion_confint

from core.stats.scores import (
    accuracy,
    confusion,
    forgotten_counts,
    learnt_at,
    mean_over_classes,
    never_learnt,
    per_class,
    softmax,
    top_k,
)

classes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60)

# Four images over five epochs: always right, learnt late, learnt and forgotten twice, never right.
LABELS = np.array([3, 1, 2, 0])
HISTORY = np.array([[3, 0, 2, 9], [3, 0, 1, 9], [3, 1, 2, 9], [3, 1, 2, 8], [3, 1, 7, 8]], np.uint8)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3 (Wilson's score).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_accuracy_interval_gives_the_published_figures_of_newcombe(hits: int, n: int, low: float, high: float) -> None:
    found = accuracy(np.zeros(n), np.arange(n) >= hits)
    assert (found.num_right, found.num_images, found.value) == (hits, n, hits / n)
    assert found.interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=60, deadline=None)
def test_accuracy_interval_is_that_of_statsmodels_and_holds_the_accuracy(counts: tuple[int, int]) -> None:
    hits, n = counts
    found = accuracy(np.zeros(n), np.arange(n) >= hits)
    assert found.interval == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


@given(classes)
@settings(max_examples=60, deadline=None)
def test_confusion_and_classes_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = np.array(pairs, np.uint8).T
    matrix = confusion(labels, predictions, 6)
    assert (matrix == confusion_matrix(labels, predictions, labels=range(6))).all()
    found = per_class(matrix)
    reference = precision_recall_fscore_support(labels, predictions, labels=range(6), zero_division=np.nan)
    for figure, other in zip((found.precision, found.recall, found.f1, found.support), reference, strict=True):
        np.testing.assert_allclose(figure, other)


@given(classes)
@settings(max_examples=60, deadline=None)
def test_means_over_classes_are_scikit_learns_over_the_classes_that_have_images(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = np.array(pairs, np.uint8).T
    found = mean_over_classes(per_class(confusion(labels, predictions, 6)))
    reference = precision_recall_fscore_support(
        labels, predictions, labels=np.unique(labels), average="macro", zero_division=0
    )
    assert (found.precision, found.recall, found.f1) == pytest.approx(reference[:3])


def test_a_class_that_takes_all_images_has_no_high_mean_precision() -> None:
    dogs_and_ships_all_called_ship = mean_over_classes(per_class([[0, 3, 0], [0, 3, 0], [0, 0, 0]]))
    assert dogs_and_ships_all_called_ship.precision == 0.25


def test_predictions_kept_as_bytes_do_not_overflow_with_a_hundred_classes() -> None:
    labels = np.array([99, 99, 3], np.uint8)
    matrix = confusion(labels, np.array([99, 98, 3], np.uint8), 100)
    assert (matrix[99, 99], matrix[99, 98], matrix[3, 3], matrix.sum()) == (1, 1, 1, 3)


def test_a_class_never_predicted_has_no_precision_rather_than_one_of_zero() -> None:
    found = per_class([[2, 0], [1, 0]])
    assert np.isnan(found.precision[1])
    assert (found.recall[1], found.f1[1], found.support[1]) == (0, 0, 1)


def test_probabilities_of_stored_half_precision_logits_neither_overflow_nor_lose_their_sum() -> None:
    logits = np.array([[60_000, 59_999, -60_000], [12, 12, 12], [0, -20, -20]], np.float16)
    shares = softmax(logits)
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares[1], 1 / 3)
    assert shares[2, 0] == pytest.approx(1 / (1 + 2 * np.exp(-20)))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_top_k_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(40, 7)), rng.integers(7, size=40)
    for k, share in top_k(logits, labels, (1, 2, 5, 7)).items():
        if k < 7:
            assert share == pytest.approx(top_k_accuracy_score(labels, logits, k=k, labels=range(7)))
        else:
            assert share == 1


def test_top_1_is_the_accuracy_of_the_argmax_also_where_logits_are_equal() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.integers(3, size=(500, 10)).astype(np.float16), rng.integers(10, size=500)
    assert top_k(logits, labels)[1] == accuracy(labels, logits.argmax(1)).value


def test_the_history_tells_when_each_image_was_learnt_and_how_often_forgotten() -> None:
    assert learnt_at(HISTORY, LABELS).tolist() == [1, 3, 1, 0]
    assert forgotten_counts(HISTORY, LABELS).tolist() == [0, 0, 2, 0]
    assert never_learnt(HISTORY, LABELS).tolist() == [False, False, False, True]


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_forgetting_follows_a_learning(epochs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, history = rng.integers(3, size=20), rng.integers(3, size=(epochs, 20)).astype(np.uint8)
    learnt, forgotten = learnt_at(history, labels), forgotten_counts(history, labels)
    assert (never_learnt(history, labels) == (learnt == 0)).all()
    assert (forgotten[learnt == 0] == 0).all()
    assert (forgotten <= epochs // 2).all()
    # Wrong at the end, though learnt: it was forgotten at least once.
    assert (forgotten[(learnt > 0) & (history[-1] != labels)] >= 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: accuracy([], []), "one of each is needed for every image"),
        (lambda: accuracy([1, 2], [1]), r"labels \(2,\) and predictions \(1,\)"),
        (lambda: confusion([0, 3], [0, 1], 3), "labels: class 3 is not one of 0 to 2"),
        (lambda: confusion([0, 1], [0, -1], 3), "predictions: class -1 is not one of 0 to 2"),
        (lambda: top_k([[1, 2]], [0, 1]), "2 labels for the logits of 1 images"),
        (lambda: top_k([[1, 2]], [2]), "labels: class 2 is not one of 0 to 1"),
        (lambda: softmax([[1, np.nan]]), "some are not finite; the training has diverged"),
        (lambda: softmax([1, 2]), r"must be \(images, classes\)"),
        (lambda: learnt_at(HISTORY, LABELS[:2]), r"must be \(epochs, images\)"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_a_sentence(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
