#!/usr/bin/env bash
# confidenceinterval 1.0.5: in its report, confidence_level reaches the F1 of single classes and no other interval.
#
# classification_report_with_ci(confidence_level=0.99) hands the level to that one call; precision and recall of the
# classes, and all micro and macro rows, keep the default of 0.95. So one row holds intervals of two levels, and asking
# for 0.99 or for 0.5 changes two of twelve intervals here. No column and no warning tells. Score by score the level is
# kept.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet confidenceinterval==1.0.5 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 statsmodels==0.15.0 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from confidenceinterval import classification_report_with_ci, recall_score

COUNTS = np.array([[30, 20], [15, 35]])  # (classes, predictions)
labels, predictions = (np.repeat(axis.ravel(), COUNTS.ravel()).tolist() for axis in np.indices(COUNTS.shape))
LEVELS = (0.5, 0.95, 0.99)

print("confidenceinterval", version("confidenceinterval"))
reports = {}
for level in LEVELS:
    table = classification_report_with_ci(labels, predictions, confidence_level=level).set_index("Class")
    reports[level] = {
        (row, name): tuple(float(end) for end in table.loc[row, name])
        for row in table.index
        for name in table.columns
        if name.endswith(" CI")
    }
changed = {key for key in reports[0.95] if len({reports[level][key] for level in LEVELS}) > 1}
for level in LEVELS:
    print(level, {name: reports[level]["Class 1", name] for name in ("Recall CI", "F1-Score CI")})
print(f"of {len(reports[0.95])} intervals these depend on the level:", sorted(changed))
assert changed == {("Class 0", "F1-Score CI"), ("Class 1", "F1-Score CI")}

widths = []
for level in LEVELS:
    _, (low, high) = recall_score(labels, predictions, confidence_level=level, average="macro")
    widths.append(high - low)
print("macro recall asked for alone, widths:", np.round(widths, 3))
assert widths[0] < widths[1] < widths[2]
PYTHON
