"""Confidence against accuracy: worked examples, scikit-learn, and a temperature that is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from core.stats.calibration import apply_temperature, expected_calibration_error, fit_temperature, nll, reliability_bins


def draw(temperature: float, images: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits `temperature` times as sure as they should be, and labels drawn from the honest probabilities."""
    rng = np.random.default_rng(0)
    honest = rng.normal(scale=2, size=(images, 10))
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(1)  # a draw from the softmax (Gumbel-max)
    return honest * temperature, labels


def sureness(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return special.softmax(logits, axis=1).max(1), logits.argmax(1) == labels


def test_reliability_and_its_error_of_an_example_worked_by_hand() -> None:
    confidences = [0.30, 0.55, 0.60, 0.90, 0.95, 1.00]
    correct = [0, 1, 0, 1, 1, 0]
    found = reliability_bins(confidences, correct, bins=5)  # edges 0, 0.2, 0.4, 0.6, 0.8, 1
    assert found.counts.tolist() == [0, 1, 2, 0, 3]
    np.testing.assert_allclose(found.confidence, [np.nan, 0.30, 0.575, np.nan, 0.95])
    np.testing.assert_allclose(found.accuracy, [np.nan, 0, 0.5, np.nan, 2 / 3])
    # (1 * |0.3 - 0| + 2 * |0.575 - 0.5| + 3 * |0.95 - 2/3|) / 6
    assert expected_calibration_error(confidences, correct, bins=5) == pytest.approx((0.3 + 0.15 + 0.85) / 6)


def test_a_bin_holds_its_upper_edge_and_the_first_also_zero() -> None:
    assert reliability_bins([0.0, 0.25, 0.26, 0.5, 1.0], [1] * 5, bins=4).counts.tolist() == [2, 2, 0, 1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_reliability_is_that_of_scikit_learn(seed: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    confidences, correct = rng.random(200), rng.random(200) < 0.7
    found = reliability_bins(confidences, correct, bins)
    accuracy, confidence = calibration_curve(correct, confidences, n_bins=bins)
    full = found.counts > 0
    np.testing.assert_allclose(found.accuracy[full], accuracy)
    np.testing.assert_allclose(found.confidence[full], confidence)
    assert found.counts.sum() == 200
    # The finest view is no better calibrated than the whole, and no error passes 1.
    whole = abs(confidences.mean() - correct.mean())
    assert whole - 1e-12 <= expected_calibration_error(confidences, correct, bins) <= 1


def test_honest_confidence_has_next_to_no_calibration_error() -> None:
    assert expected_calibration_error(*sureness(*draw(1.0))) < 0.01
    assert expected_calibration_error(*sureness(*draw(3.0))) > 0.1


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_spoilt_the_logits_is_found_again(temperature: float) -> None:
    logits, labels = draw(temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


def test_scaling_by_the_validation_temperature_calibrates_other_images() -> None:
    logits, labels = draw(2.5)
    validation, test = slice(0, 5000), slice(5000, None)
    scaled = apply_temperature(logits[test], fit_temperature(logits[validation], labels[validation]))
    before = expected_calibration_error(*sureness(logits[test], labels[test]))
    assert expected_calibration_error(*sureness(scaled, labels[test])) < 0.15 * before
    assert (scaled.argmax(1) == logits[test].argmax(1)).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_temperature_nearby_fits_better_and_none_fits_worse_than_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(scale=3, size=(50, 4)).astype(np.float16), rng.integers(4, size=50)
    best = fit_temperature(logits, labels)
    fitted = nll(logits, labels, best)
    assert fitted <= nll(logits, labels)
    for other in (best * 0.98, best * 1.02):
        if 0.05 < other < 20:
            assert fitted <= nll(logits, labels, other) + 1e-12


def test_nll_is_the_log_loss_of_scikit_learn() -> None:
    logits, labels = draw(1.5, 500)
    assert nll(logits, labels) == pytest.approx(log_loss(labels, special.softmax(logits, axis=1), labels=range(10)))


def test_logits_that_say_nothing_keep_their_temperature() -> None:
    assert fit_temperature(np.zeros((8, 3)), np.arange(8) % 3) == 1.0


def test_a_model_that_is_always_right_ends_at_the_lowest_temperature() -> None:
    logits = np.eye(4) * 2
    assert fit_temperature(logits, np.arange(4)) == pytest.approx(0.05, rel=0.2)
    assert np.isfinite(nll(logits, np.arange(4), fit_temperature(logits, np.arange(4))))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reliability_bins([0.5], [1, 0]), "one of each is needed for every image"),
        (lambda: reliability_bins([], []), "one of each is needed for every image"),
        (lambda: reliability_bins([1.5], [1]), "confidences: all must be between 0 and 1"),
        (lambda: reliability_bins([np.nan], [1]), "confidences: all must be between 0 and 1"),
        (lambda: reliability_bins([0.5], [1], 0), "bins = 0: must be at least 1"),
        (lambda: apply_temperature([[1, 2]], 0), "temperature = 0: must be a number above 0"),
        (lambda: fit_temperature([[1, 2]], [5]), "labels: class 5 is not one of 0 to 1"),
        (lambda: fit_temperature([[1, np.inf]], [0]), "some are not finite"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_with_a_sentence(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
