#!/usr/bin/env bash
# autorank 1.3.0: where more is better (the default), the best model is LAST, and effects are measured from the worst.
#
# order="descending" "results in higher ranks for larger values", so the largest accuracy has rank 1, and the effect size
# is "in comparison to the highest mean value". But the table is sorted by mean rank in the same direction, descending,
# which puts rank 1 last; and the first row is what effects are measured from. Both orders give the same rows, so the
# first one, with an effect of 0.0 "negligible", is the worst by accuracy. With order="ascending" for losses, and with
# approach="bayesian", which sorts by the mean itself, the best one is first. No warning.
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

random = np.random.default_rng(0)
MEANS = {"plain": 0.90, "wide": 0.93, "preact": 0.91, "deep": 0.95}
accuracies = pd.DataFrame({name: random.normal(mean, 0.01, 20) for name, mean in MEANS.items()})
BEST_FIRST = ["deep", "wide", "preact", "plain"]


def rank(values: pd.DataFrame, **settings) -> pd.DataFrame:
    with contextlib.redirect_stdout(io.StringIO()):  # It prints its table.
        return autorank(values, random_state=0, **settings).rankdf


print("autorank", version("autorank"))
default = rank(accuracies, order="descending")
print("accuracies, descending:", default[["meanrank", "mean", "effect_size"]], sep="\n")
assert list(default.index) == BEST_FIRST[::-1]
assert default.loc["deep", "meanrank"] < 1.5
assert default.loc["plain", "effect_size"] == 0 and abs(default.loc["deep", "effect_size"]) > 4

assert list(rank(accuracies, order="ascending").index) == list(default.index)
assert list(rank(accuracies, order="descending", force_mode="nonparametric").index) == list(default.index)
bayesian = rank(accuracies, order="descending", approach="bayesian", nsamples=1000)
print("the same, bayesian:", bayesian[["mean", "effect_size"]], sep="\n")
assert list(bayesian.index) == BEST_FIRST
errors = rank(1 - accuracies, order="ascending")
print("errors, ascending:", errors[["meanrank", "mean", "effect_size"]], sep="\n")
assert list(errors.index) == BEST_FIRST
PYTHON
