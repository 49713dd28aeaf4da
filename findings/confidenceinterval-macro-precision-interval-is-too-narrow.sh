#!/usr/bin/env bash
# confidenceinterval 1.0.5: for a rare class the interval of the macro precision is two fifths as wide as it has to be.
#
# Macro precision, macro recall and binary F1 get their variance from the delta method, with the covariance diag(p) -
# p p' of a multinomial. The code has np.diag(p) - p * p.transpose() for a flat p, whose transpose is itself: no outer
# product, but p squared taken from every row. Macro precision and recall also lack a division by the class's share in
# the derivative. For a balanced test set the interval of the binary F1 is a quarter too wide. No warning. The
# package's own bootstrap is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet confidenceinterval==1.0.5 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 statsmodels==0.15.0 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from confidenceinterval import f1_score, precision_score

RARE = np.array([[900, 80], [5, 15]])  # (classes, predictions)
EVEN = np.array([[450, 50], [50, 450]])


def list_labels(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, predictions = np.indices(counts.shape)
    return np.repeat(labels.ravel(), counts.ravel()), np.repeat(predictions.ravel(), counts.ravel())


def macro_precision(counts: np.ndarray) -> np.ndarray:
    return (np.diagonal(counts, axis1=-2, axis2=-1) / counts.sum(-2)).mean(-1)


def binary_f1(counts: np.ndarray) -> np.ndarray:
    return 2 * counts[..., 1, 1] / (counts[..., 1, :].sum(-1) + counts[..., :, 1].sum(-1))


print("confidenceinterval", version("confidenceinterval"))
for name, score, average, measure, counts, expected in (
    ("macro precision, rare class", precision_score, "macro", macro_precision, RARE, 0.4),
    ("binary F1, even classes", f1_score, "binary", binary_f1, EVEN, 1.25),
):
    value, (low, high) = score(*list_labels(counts), average=average)
    assert np.isclose(value, measure(counts))
    shares = counts.ravel() / counts.sum()
    drawn = np.random.default_rng(0).multinomial(counts.sum(), shares, 20_000).reshape(-1, 2, 2)
    right = 3.92 * np.std(measure(drawn))
    print(f"{name}: {value:.3f}, {low:.3f} to {high:.3f}; {high - low:.4f} wide, of 20,000 drawn test sets {right:.4f}")
    assert np.isclose((high - low) / right, expected, atol=0.05)

labels = list_labels(RARE)
_, (low, high) = precision_score(*labels, average="macro")
settings = {"method": "bootstrap_percentile", "n_resamples": 200, "random_state": 0}
_, (lower, higher) = precision_score(*labels, average="macro", **settings)
print(f"by the package's own bootstrap {lower:.3f} to {higher:.3f}")
assert high - low < 0.45 * (higher - lower)
PYTHON
