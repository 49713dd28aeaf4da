#!/usr/bin/env bash
# netcal 1.4.0: HistogramBinning gives a confidence on an edge of its bins the accuracy of the bin below.
#
# fit counts bins from their lower edge on (scipy's binned_statistic_dd), transform looks them up with the upper edge
# inside (np.digitize with right=True). Confidences that are votes, as those of an ensemble of four or eight, lie on the
# edges of four or eight bins, all of them: each gets the accuracy that was measured one level lower, on the very data
# it was fitted to, and where no confidence lies between, as at the lowest level, the middle of a bin that nobody
# measured. 7 of 8 votes that are right in 95 of 100 cases so become 0.7. Confidences between the edges are right. No
# warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps netcal==1.4.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from netcal.binning import HistogramBinning

MEMBERS, EACH = 8, 200
ACCURACIES = np.array([0.05, 0.1, 0.25, 0.4, 0.55, 0.7, 0.95])  # of 1 to 7 votes
votes = np.arange(1, MEMBERS)
labels = np.concatenate([np.arange(EACH) < round(accuracy * EACH) for accuracy in ACCURACIES]).astype(int)


def calibrate(shift: float) -> np.ndarray:
    """What the confidences of 1 to 7 votes become, moved a little away from the edges of the bins."""
    confidences = np.repeat(votes / MEMBERS, EACH) + shift
    binning = HistogramBinning(bins=MEMBERS).fit(confidences, labels)
    return binning.transform(votes / MEMBERS + shift).ravel()


print("netcal", version("netcal"), "torch", version("torch"))
on, off = calibrate(0), calibrate(1e-6)
for count, accuracy, between, edge in zip(votes, ACCURACIES, off, on, strict=True):
    print(f"{count} of {MEMBERS} votes, right in {accuracy:.2f}: {between:.4f} beside the edge, {edge:.4f} on it")
assert np.allclose(off, ACCURACIES)
assert np.allclose(on[1:], ACCURACIES[:-1])
assert np.isclose(on[0], 0.5 / MEMBERS)
PYTHON
