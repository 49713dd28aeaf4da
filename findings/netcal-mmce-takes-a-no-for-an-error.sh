#!/usr/bin/env bash
# netcal 1.4.0: MMCE of a perfectly calibrated binary classifier is 0.2 in one form and 0.005 in the other.
#
# It is defined by the probability of the PREDICTED class and by whether that was right. Where the probabilities are
# one-dimensional ("1-D for binary classification") the label 0 is predicted below 0.5, and compared with the truth, but
# the probability that goes with it stays that of label 1: 0.1, and right in 90 of 100 cases, counts as an error of 0.8.
# The same classifier written as two columns, (1 - p, p), is right. ECE of the same package takes both forms rightly.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps netcal==1.4.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from netcal.metrics import ECE, MMCE

COUNT = 4000
generator = np.random.default_rng(0)


def define(confidences: np.ndarray, matches: np.ndarray) -> float:
    """Kumar et al. 2018, equation 5, with the kernel that netcal documents."""
    errors = matches - confidences
    kernel = np.exp(-2.5 * abs(confidences[:, None] - confidences))
    return float(np.sqrt(errors @ kernel @ errors) / len(errors))


print("netcal", version("netcal"), "torch", version("torch"))
probabilities = generator.uniform(0, 1, COUNT)
labels = (generator.uniform(size=COUNT) < probabilities).astype(int)
columns = np.stack([1 - probabilities, probabilities], axis=1)
right = define(columns.max(1), (columns.argmax(1) == labels).astype(float))
one, two = MMCE().measure(probabilities, labels), MMCE().measure(columns, labels)
errors = [ECE(bins=10).measure(form, labels) for form in (probabilities, columns)]
print(f"MMCE {one:.3f} (1-D), {two:.3f} (two columns), {right:.3f} by definition; ECE", np.round(errors, 3))
assert np.isclose(two, right) and right < 0.02 and max(errors) < 0.03
assert np.isclose(one, define(probabilities, ((probabilities > 0.5) == labels).astype(float)))
assert one > 0.2
PYTHON
