"""Does a model know when it may be wrong: reliability, expected calibration error, temperature scaling.

The methods and their binning are those of Guo et al. (2017), "On Calibration of Modern Neural Networks". Confidence is
the largest of an image's probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from core.stats.scores import FloatArray, IntArray, check_labels, check_logits

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0


@dataclass(frozen=True)
class ReliabilityBins:
    """One entry a bin, (bins,); `edges` is (bins + 1,). Confidence and accuracy are NaN in an empty bin."""

    edges: FloatArray
    counts: IntArray  # images
    confidence: FloatArray  # mean over the bin's images
    accuracy: FloatArray  # share of right ones


def reliability_bins(confidences: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 15) -> ReliabilityBins:
    """Mean confidence and accuracy in bins of equal width, each holding its upper edge: ((m - 1) / M, m / M].

    So Guo et al. 2017, section 2, with their 15 bins; a confidence of 0 joins the first. ValueError if the
    confidences are not between 0 and 1, one an image.
    """
    shares, right = np.asarray(confidences, np.float64), np.asarray(correct, bool)
    if shares.ndim != 1 or shares.shape != right.shape or shares.size == 0:
        raise ValueError(f"confidences {shares.shape} and correct {right.shape}: one of each is needed for every image")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("confidences: all must be between 0 and 1")
    if bins < 1:
        raise ValueError(f"bins = {bins}: must be at least 1")
    edges = np.linspace(0, 1, bins + 1)
    indices = np.searchsorted(edges[1:-1], shares, side="left")  # (images,), equal to an edge: the bin below
    counts = np.bincount(indices, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: an empty bin has no mean
        confidence = np.bincount(indices, shares, bins) / counts
        accuracy = np.bincount(indices, right, bins) / counts
    return ReliabilityBins(edges, counts, confidence, accuracy)


def expected_calibration_error(confidences: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over the bins, by their images (Guo et al. 2017, equation 3): 0 to 1."""
    found = reliability_bins(confidences, correct, bins)
    full = found.counts > 0
    gaps = np.abs(found.confidence - found.accuracy)[full]
    return float(np.average(gaps, weights=found.counts[full]))


def nll(logits: npt.ArrayLike, labels: npt.ArrayLike, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood of the labels (cross-entropy, natural logarithm) at a temperature."""
    values = apply_temperature(logits, temperature)
    return _mean_nll(_shift(values), check_labels(labels, values))


def apply_temperature(logits: npt.ArrayLike, temperature: float) -> FloatArray:
    """Logits divided by the temperature, (images, classes): the order of classes stays, the confidence changes."""
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature = {temperature}: must be a number above 0")
    return check_logits(logits) / temperature


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017, section 4.2), for *validation* logits.

    Searched over its logarithm, between 0.05 and 20: if every image is right, more confident is always better, and
    the search ends near 0.05. Fitted on the test set it would flatter every figure drawn from that set.
    """
    values = check_logits(logits)
    classes = check_labels(labels, values)
    shifted = _shift(values)  # once: the search reads it some thirty times

    def loss(log_temperature: float) -> float:
        return _mean_nll(shifted / np.exp(log_temperature), classes)

    bounds = (np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE))
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    # Logits that say nothing are the same at every temperature: then leave them as they are.
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def _mean_nll(shifted: FloatArray, labels: IntArray) -> float:
    own = np.take_along_axis(shifted, labels[:, None], axis=1)[:, 0]  # (images,)
    return float((np.log(np.exp(shifted).sum(1)) - own).mean())


def _shift(logits: FloatArray) -> FloatArray:
    """Logits less the largest of their image: the same probabilities, and no exponential that overflows."""
    return np.asarray(logits - logits.max(1, keepdims=True))
