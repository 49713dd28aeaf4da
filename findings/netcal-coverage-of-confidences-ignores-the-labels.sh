#!/usr/bin/env bash
# netcal 1.4.0: PICP and QCE of kind "confidence" never look at the labels; any labels give the same figures.
#
# This mode is documented to turn labels of 0 and 1 into continuous scores by binning, so that one sees whether the
# interval of a Bayesian classifier (Monte-Carlo dropout, an ensemble) covers the accuracy of its bin. What is averaged
# in the bins are the CONFIDENCES: an interval is compared with the middle of its neighbours. With true labels, inverted
# ones and none that is right, coverage is the same 0.46 and 0.95 for intervals of 0.5 and 0.9, where it should be 0.49
# and 0.92, 0 and 0, 0 and 0. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps netcal==1.4.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from netcal.metrics import PICP, QCE

PASSES, COUNT, BINS = 200, 2000, 10
QUANTILES = np.array([0.5, 0.9])
generator = np.random.default_rng(0)
chances = generator.uniform(0.55, 0.95, COUNT)
confidences = np.clip(chances + generator.normal(0, 0.03, (PASSES, COUNT)), 0, 1)[..., None]
truths = (generator.uniform(size=COUNT) < chances).astype(int)


def cover(labels: np.ndarray) -> np.ndarray:
    """The share of intervals, from quantile to quantile, that hold the accuracy of their bin."""
    means = confidences[..., 0].mean(0)
    places = np.minimum((means * BINS).astype(int), BINS - 1)
    accuracies = np.array([labels[places == place].mean() for place in places])
    bounds = [np.quantile(confidences[..., 0], [(1 - q) / 2, (1 + q) / 2], axis=0) for q in QUANTILES]
    return np.array([np.mean((low <= accuracies) & (accuracies <= high)) for low, high in bounds])


print("netcal", version("netcal"), "torch", version("torch"))
found = []
for name, labels in (("true", truths), ("inverted", 1 - truths), ("all wrong", np.zeros_like(truths))):
    coverage = PICP(bins=BINS).measure(confidences, labels, QUANTILES, kind="confidence", reduction="none").picp
    error = QCE(bins=BINS).measure(confidences, labels, QUANTILES, kind="confidence", reduction="none")
    found.append(np.concatenate([np.ravel(coverage), np.ravel(error)]))
    right = cover(labels)
    print(f"{name:9} labels: coverage {np.ravel(coverage)}, off by {np.ravel(error)}, by labels {np.round(right, 3)}")
    assert np.allclose(right, [0.488, 0.916] if name == "true" else 0, atol=0.01)
assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])
assert np.allclose(found[0][:2], QUANTILES, atol=0.06)
PYTHON
