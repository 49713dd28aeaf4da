#!/usr/bin/env bash
# deepsig 1.2.8: its Bonferroni correction is weaker the more models are compared, and of two none is ever better.
#
# For n comparisons at level 0.95 the level has to be 1 - 0.05 / n. multi_aso, which corrects by default, and
# aso(num_comparisons=n) take 0.95 + 0.05 / n: 1.0 for one comparison, the right one for two, 0.955 for ten, and so on
# back to 0.95. Two models alone so get eps_min 1 ("not better"), or NaN where one is better in every run, although
# without a correction it is 0.3. Beside six others the same two get 0.3 as well, below the 0.5 under which the null
# hypothesis is rejected; with a right correction for 28 comparisons it would be above. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet deepsig==1.2.8 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import warnings
from importlib.metadata import version

import numpy as np
from deepsig import aso, multi_aso

SETTINGS = {"num_bootstrap_iterations": 100, "dt": 0.02, "seed": 0, "show_progress": False}
LEVEL = 0.95
generator = np.random.default_rng(4)
better, worse = generator.normal(0.912, 0.02, 12), generator.normal(0.9, 0.02, 12)
others = [generator.normal(0.85, 0.02, 12) for _ in range(6)]


def compare(level: float) -> float:
    """eps_min at this level, without any correction."""
    return float(aso(better, worse, confidence_level=level, **SETTINGS))


print("deepsig", version("deepsig"), "scipy", version("scipy"))
print(f"uncorrected: {compare(LEVEL):.3f}")
for count in (2, 3, 10, 100):
    found = float(aso(better, worse, confidence_level=LEVEL, num_comparisons=count, **SETTINGS))
    print(f"aso, {count:3} comparisons: {found:.3f}, corrected {compare(1 - (1 - LEVEL) / count):.3f}")
    assert found == compare(LEVEL + (1 - LEVEL) / count)

results = {}
for models in (2, 3, 8):
    scores = [list(model) for model in (better, worse, *others[: models - 2])]
    results[models] = multi_aso(scores, confidence_level=LEVEL, **SETTINGS)[0, 1]
    right = compare(1 - (1 - LEVEL) / (models * (models - 1) // 2))
    print(f"multi_aso, {models} models: {results[models]:.3f}, corrected {right:.3f}")
assert results[2] == 1
assert results[8] < results[3] < 0.5 < right

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # numpy's, of infinity times 0
    apart = multi_aso([list(better + 1), list(worse)], confidence_level=LEVEL, **SETTINGS)
print("two models, one better in every run:", apart.tolist())
assert np.isnan(apart[0, 1]) and np.isnan(apart[1, 0])
PYTHON
