#!/usr/bin/env bash
# autorank 1.3.0: its intervals of means are those of 95 % at every alpha, its intervals of medians 1.4 times too wide.
#
# Of three and more normal models the intervals come from statsmodels' Tukey test, which is called without alpha:
# alpha=0.01 and alpha=0.2 give the same ones, while the p-value is compared with the alpha asked for and the plot's
# title tells (1 - alpha). The report names pairs whose intervals do not overlap as significant, so those too are the
# pairs of 5 %. The interval of a median goes from rank n/2 - z sqrt(n)/2 to 1 + n/2 + z sqrt(n)/2 (Campbell and Gardner
# 1988); the code has sqrt(n/2) for sqrt(n)/2, so intervals meant for 95 % hold the median in 99.5 % of cases.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet autorank==1.3.0 baycomp==1.0.3 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 statsmodels==0.15.0 matplotlib==3.11.2
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import io
from importlib.metadata import version

import numpy as np
import pandas as pd
from autorank import autorank
from scipy import stats

random = np.random.default_rng(0)


def rank(values: pd.DataFrame, **settings) -> pd.DataFrame:
    with contextlib.redirect_stdout(io.StringIO()):
        return autorank(values, **settings).rankdf


print("autorank", version("autorank"))
normal = pd.DataFrame(random.normal(size=(20, 3)) + [0, 0.3, 0.6], columns=["a", "b", "c"])
widths = {}
for alpha in (0.01, 0.05, 0.2):
    table = rank(normal, alpha=alpha, force_mode="parametric")
    widths[alpha] = float((table["ci_upper"] - table["ci_lower"]).iloc[0])
print("width of an interval of means by alpha:", widths)
assert len({round(width, 9) for width in widths.values()}) == 1

# Bonferroni: two models at alpha=0.1 have two intervals of 95 %. Values of 1 to n are their own ranks.
for n in (50, 100, 400):
    ranks = np.arange(1.0, n + 1) ** 4  # skewed, so that medians are taken
    table = rank(pd.DataFrame({"a": ranks, "b": random.permutation(ranks)}), alpha=0.1)
    low, high = (round(float(table.loc["a", end]) ** 0.25) for end in ("ci_lower", "ci_upper"))
    half = 1.96 * np.sqrt(n) / 2
    right_low, right_high = round(n / 2 - half), round(1 + n / 2 + half)
    # The number of values below the median is binomial.
    held, right = (
        stats.binom.cdf(end - 1, n, 0.5) - stats.binom.cdf(start - 1, n, 0.5)
        for start, end in ((low, high), (right_low, right_high))
    )
    print(f"median of {n}: ranks {low} to {high}, in {held:.2%}; by the paper {right_low} to {right_high}, in {right:.2%}")
    assert held > 0.994 and 0.945 < right < 0.97
    assert np.isclose((high - low) / (right_high - right_low), np.sqrt(2), atol=0.1)
PYTHON
