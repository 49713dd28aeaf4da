#!/usr/bin/env bash
# scikit-posthocs 0.17.1: posthoc_tukey_hsd of runs put together by pandas.concat finds every p-value to be 1.
#
# A table that is made of one table a model keeps their row labels, so 0 to 4 come once for each model. The function
# splits the rows by group and then looks the values up again BY LABEL, and each label brings the rows of all models:
# every group is the whole table. Where only some labels are doubled the p-values are in between. No warning. After
# reset_index(drop=True), and in posthoc_tukey of the same package, which is the same test, the difference is certain;
# scipy's tukey_hsd agrees.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-posthocs==0.17.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 statsmodels==0.15.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import pandas as pd
import scikit_posthocs
from scipy import stats

random = np.random.default_rng(0)
ACCURACIES = {name: random.normal(mean, 0.01, 5) for name, mean in (("plain", 0.90), ("preact", 0.93), ("wide", 0.95))}
tables = [pd.DataFrame({"model": name, "accuracy": values}) for name, values in ACCURACIES.items()]
table = pd.concat(tables)

print("scikit-posthocs", version("scikit-posthocs"))
mixed = scikit_posthocs.posthoc_tukey_hsd(table, val_col="accuracy", group_col="model")
split = scikit_posthocs.posthoc_tukey_hsd(table.reset_index(drop=True), val_col="accuracy", group_col="model")
other = scikit_posthocs.posthoc_tukey(table, val_col="accuracy", group_col="model")
print("labels 0 to 4 for each model:", mixed, "labels 0 to 14:", split, "posthoc_tukey, labels 0 to 4:", other, sep="\n")
right = stats.tukey_hsd(*ACCURACIES.values()).pvalue
assert (mixed == 1).all(axis=None)
assert np.allclose(split, right) and np.allclose(other, right)
assert right[0, 1] < 0.001 and right[0, 2] < 0.001
PYTHON
