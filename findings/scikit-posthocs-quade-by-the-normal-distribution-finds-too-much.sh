#!/usr/bin/env bash
# scikit-posthocs 0.17.1: posthoc_quade(dist="normal") calls a fifth to a third of equal models different, at 5 %.
#
# Quade's test compares k models on b data sets by ranks, weighted by how far a data set spreads them. The variance of
# the difference of two weighted mean ranks is k (k + 1) (2 b + 1) / (9 b (b + 1)), since ranks of a row are 1 to k and
# the weights 1 to b. The code has the number of all values, b times k, where b belongs, and is left with
# (k - 1) / (2 k) of the variance: a quarter for two models, never more than a half, however many data sets there are.
# Of 2,000 draws without any difference 35 % are significant for two models, 22 % for five. The default, dist="t", is
# right. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-posthocs==0.17.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 statsmodels==0.15.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import scikit_posthocs
from scipy import stats

DATA_SETS, DRAWS = 20, 2000


def compare(values: np.ndarray) -> float:
    """The p-value of the first two models, with the variance of the ranks' permutations."""
    count, models = values.shape
    weights = stats.rankdata(np.ptp(values, axis=1))
    means = weights @ stats.rankdata(values, axis=1) / weights.sum()
    variance = models * (models + 1) * (2 * count + 1) / (9 * count * (count + 1))
    return float(2 * stats.norm.sf(abs(means[0] - means[1]) / np.sqrt(variance)))


print("scikit-posthocs", version("scikit-posthocs"))
random = np.random.default_rng(0)
for models, expected in ((2, 0.35), (5, 0.22)):
    found = {"normal": 0, "t": 0, "by hand": 0}
    for _ in range(DRAWS):
        values = random.normal(size=(DATA_SETS, models))
        for name in ("normal", "t"):
            found[name] += scikit_posthocs.posthoc_quade(values, dist=name).iloc[0, 1] < 0.05
        found["by hand"] += compare(values) < 0.05
    shares = {name: float(count / DRAWS) for name, count in found.items()}
    print(f"{models} equal models on {DATA_SETS} data sets, share of p < 0.05:", shares)
    assert abs(shares["normal"] - expected) < 0.03
    assert abs(shares["t"] - 0.05) < 0.02 and abs(shares["by hand"] - 0.05) < 0.02

# The ratio of the two statistics is the one of the two standard deviations, in any draw.
for models in (2, 5):
    values = random.normal(size=(DATA_SETS, models))
    ours, theirs = (
        stats.norm.isf(p / 2)
        for p in (compare(values), scikit_posthocs.posthoc_quade(values, dist="normal").iloc[0, 1])
    )
    print(f"{models} models: z of the package / z = {theirs / ours:.3f}")
    assert np.isclose(theirs / ours, np.sqrt(2 * models / (models - 1)), rtol=0.02)
PYTHON
