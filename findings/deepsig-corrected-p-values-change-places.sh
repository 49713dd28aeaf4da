#!/usr/bin/env bash
# deepsig 1.2.8: bonferroni_correction hands a corrected p-value to another comparison than the one it is of.
#
# It sorts the p-values, corrects them, and puts them back in order with the permutation that sorted them, where its
# inverse is needed. Two values, and sorted ones, come back right; of three, two of the six orders are wrong, and the
# more comparisons there are the fewer are right. The comparison with p = 0.5 becomes the significant one, that with
# 0.001 not. The values themselves are those of Holm (1979), without his running maximum, so that they may also fall as
# p grows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet deepsig==1.2.8 statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version
from itertools import permutations
from math import factorial

import numpy as np
from deepsig import bonferroni_correction
from statsmodels.stats.multitest import multipletests

print("deepsig", version("deepsig"), "statsmodels", version("statsmodels"))
values = np.array([0.03, 0.5, 0.001])
found = bonferroni_correction(values)
holm = multipletests(values, method="holm")[1]
print("p-values ", values, "corrected", found, "by statsmodels (Holm)", holm)
assert np.allclose(found, [0.5, 0.003, 0.06])
assert np.allclose(holm, [0.06, 0.5, 0.003])

for count, right in ((2, 2), (3, 4), (4, 10)):
    values = np.geomspace(1e-4, 0.4, count)  # so far apart that Holm's running maximum changes nothing
    same = 0
    for order in permutations(range(count)):
        shuffled = values[list(order)]
        found, holm = bonferroni_correction(shuffled), multipletests(shuffled, method="holm")[1]
        assert np.allclose(np.sort(found), np.sort(holm))
        same += np.allclose(found, holm)
    print(f"{count} comparisons: {same} of {factorial(count)} orders come back right")
    assert same == right
print("falls as p grows:", found := bonferroni_correction(np.array([0.02, 0.021, 0.022])))
assert np.all(np.diff(found) < 0)
PYTHON
