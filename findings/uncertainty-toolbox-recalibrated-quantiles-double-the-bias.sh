#!/usr/bin/env bash
# uncertainty-toolbox 0.1.1: get_quantile_recalibrator shifts quantiles the wrong way, so a bias is doubled.
#
# A quantile of level q is to have the share q of the true values below it. Its proportions compare (prediction - truth)
# / std with the normal quantile, which is the share ABOVE the quantile of level 1 - q. For symmetric errors both agree;
# for predictions that are too low by one standard deviation the recalibrated median has 2 % of the values below it (16 %
# before, 50 % is right). No warning, and no calibration error shows it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet uncertainty-toolbox==0.1.1 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from scipy.stats import norm
from uncertainty_toolbox import get_proportion_lists_vectorized
from uncertainty_toolbox.recalibration import get_quantile_recalibrator

COUNT = 20_000
print("uncertainty-toolbox", version("uncertainty-toolbox"))
deviations = np.ones(COUNT)
for bias in (0.0, 1.0, -1.0):
    generator = np.random.default_rng(0)
    predictions = generator.normal(size=COUNT)
    truths = predictions + bias + generator.normal(size=COUNT)
    levels, shares = get_proportion_lists_vectorized(predictions, deviations, truths, prop_type="quantile")
    below = np.array([np.mean(truths <= predictions + norm.ppf(level)) for level in levels])
    assert np.allclose(shares[1:-1], 1 - below[::-1][1:-1])  # the share above, at the level 1 - q
    recalibrate = get_quantile_recalibrator(predictions, deviations, truths)
    for level in (0.25, 0.5, 0.75):
        before = np.mean(truths <= predictions + norm.ppf(level))
        after = np.mean(truths <= recalibrate(predictions, deviations, level))
        expected = norm.cdf(norm.ppf(level) - 2 * bias)
        print(f"truth {bias:+.0f} std off, level {level}: below it {before:.3f}, recalibrated {after:.3f}")
        assert abs(after - expected) < 0.02
PYTHON
