#!/usr/bin/env bash
# scikit-posthocs 0.17.1: a table of one-sided p-values is symmetric, so each model is better than the other.
#
# posthoc_mannwhitney(alternative="less") asks whether the row's model is below the column's. Only the half above the
# diagonal is computed; it is copied into the other half, where the question is the opposite one: p = 0.004 becomes
# 0.004 where scipy says 1. Models are sorted by name first, so which half is right goes by the alphabet: renaming the
# better one turns its p-value from 0.004 to 1. posthoc_dunnett and posthoc_steel copy in the same way: control against
# model and model against control have one p-value. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-posthocs==0.17.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 statsmodels==0.15.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import pandas as pd
import scikit_posthocs
from scipy import stats

LOWER, UPPER = [0.90, 0.91, 0.92, 0.93, 0.94], [0.95, 0.96, 0.97, 0.98, 0.99]


def make_table(lower: str, upper: str) -> pd.DataFrame:
    return pd.DataFrame({"model": [lower] * 5 + [upper] * 5, "accuracy": LOWER + UPPER})


print("scikit-posthocs", version("scikit-posthocs"))
columns = {"val_col": "accuracy", "group_col": "model"}
below = stats.mannwhitneyu(LOWER, UPPER, alternative="less").pvalue
above = stats.mannwhitneyu(UPPER, LOWER, alternative="less").pvalue
table = scikit_posthocs.posthoc_mannwhitney(make_table("a", "b"), alternative="less", **columns)
print("alternative less, the lower one is a:", table, sep="\n")
print(f"scipy: a below b {below:.4f}, b below a {above:.4f}")
assert below < 0.01 and above > 0.99
assert table.loc["a", "b"] == table.loc["b", "a"] == below

renamed = scikit_posthocs.posthoc_mannwhitney(make_table("b", "a"), alternative="less", **columns)
print("the lower one is b:", renamed, sep="\n")
assert renamed.loc["a", "b"] == renamed.loc["b", "a"] == above

for name in ("posthoc_dunnett", "posthoc_steel"):
    test = getattr(scikit_posthocs, name)
    table = test(make_table("control", "wide"), control="control", alternative="greater", **columns)
    print(name, "greater:", table, sep="\n")
    assert table.loc["control", "wide"] == table.loc["wide", "control"] < 0.01
PYTHON
