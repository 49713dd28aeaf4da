#!/usr/bin/env bash
# MLstatkit 0.1.91: its DeLong test finds that a model and its own calibrated copy differ, with p = 0.
#
# Temperature scaling changes no ranking, so both AUCs are one number and the difference has no variance. Then the test
# falls back on a bootstrap in which every difference is 0, and takes p = 2 * min(share of those <= 0, share of those
# > 0): 2 * min(1, 0). A model against itself, and two different ones that both separate the classes without an error,
# get p = 0 as well. z is 0 and the AUCs are equal; there is no warning. With one pair of neighbours exchanged, so that
# the AUCs differ by 0.0004, p is 0.48 and right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet MLstatkit==0.1.91 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from MLstatkit import Delong_test

generator = np.random.default_rng(0)
labels = np.arange(100) % 2
logits = labels + generator.normal(size=labels.size)
swapped = logits.copy()
order = np.argsort(logits)
first = next(rank for rank in range(len(order) - 1) if labels[order[rank]] != labels[order[rank + 1]])
pair = order[[first, first + 1]]
swapped[pair] = logits[pair[::-1]]
apart = [labels + generator.uniform(-0.4, 0.4, labels.size) for _ in range(2)]  # two rankings, no error in either


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


print("MLstatkit", version("MLstatkit"))
for name, one, two, expected in (
    ("itself", logits, logits, 0.0),
    ("its calibrated copy", logits, logits / 2.5, 0.0),
    ("another without errors", *apart, 0.0),
    ("one pair exchanged", logits, swapped, 0.48),
):
    z, p_value, _, _, auc, other, info = Delong_test(labels, sigmoid(one), sigmoid(two), n_boot=100, random_state=0)
    print(f"{name:22} AUC {auc:.4f} and {other:.4f}, z {z:.3f}, p {p_value:.3f}, by {info['method']}")
    assert np.isclose(p_value, expected, atol=0.02)
    assert (info["method"] == "bootstrap") == (auc == other)
PYTHON
