#!/usr/bin/env bash
# autorank 1.3.0: of two equal models it calls one better in 10 % of cases at alpha=0.05, if it takes Wilcoxon's test.
#
# It looks which of the two has the larger median and then tests, ONE-sided, whether that one is larger. The side comes
# from the data, so the p-value is half of what it should be. The t-test, which it takes when both look normal, is
# two-sided, so the two branches mean different things by p, and one outlier is enough to change from one to the other.
# The documentation names "Wilcoxon's signed rank test" and alpha as the significance level; only verbose=True prints
# "(one-sided)".
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

DRAWS = 1500
random = np.random.default_rng(0)


def test(values: pd.DataFrame, mode: str) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        return float(autorank(values, alpha=0.05, force_mode=mode).pvalue)


print("autorank", version("autorank"))
values = pd.DataFrame({"plain": random.normal(size=30), "preact": random.normal(0.3, size=30)})
forced = test(values, "nonparametric")
right = float(stats.wilcoxon(values["plain"], values["preact"]).pvalue)
print(f"one comparison: p = {forced:.4f}, scipy's two-sided Wilcoxon test {right:.4f}")
assert values["preact"].median() > values["plain"].median()
assert np.isclose(2 * forced, right)
assert np.isclose(test(values, "parametric"), stats.ttest_rel(values["plain"], values["preact"]).pvalue)

found = {"autorank, nonparametric": 0, "autorank, parametric": 0, "scipy, two-sided Wilcoxon": 0}
for _ in range(DRAWS):
    values = pd.DataFrame(random.normal(size=(30, 2)), columns=["plain", "preact"])
    found["autorank, nonparametric"] += test(values, "nonparametric") < 0.05
    found["autorank, parametric"] += test(values, "parametric") < 0.05
    found["scipy, two-sided Wilcoxon"] += stats.wilcoxon(values["plain"], values["preact"]).pvalue < 0.05
shares = {name: round(count / DRAWS, 3) for name, count in found.items()}
print(f"p < 0.05 in {DRAWS} pairs of equal models:", shares)
assert 0.08 < shares["autorank, nonparametric"] < 0.12
assert all(0.03 < shares[name] < 0.07 for name in list(shares)[1:])
PYTHON
