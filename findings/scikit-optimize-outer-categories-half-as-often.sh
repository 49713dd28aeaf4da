#!/usr/bin/env bash
# scikit-optimize 0.10.2: the first and the last category, and both ends of an integer, are tried half as often.
#
# The initial designs "lhs", "sobol", "halton" and "hammersly" draw from 0 to 1 and round to the nearest of n values, so
# that the outer ones own half an interval each: of four optimizers, the two inner ones get a third of the trials each,
# the outer ones a sixth, although categories have no order and a latin hypercube is there to be even. With two
# categories, with a continuous dimension, and with plain random categories all is even. Integers are hit in a
# random design too, as soon as the surrogate is a Gaussian process (gp_minimize), whose space is normalized first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-optimize==0.10.2 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import warnings
from collections import Counter

import numpy as np
import skopt
from skopt.space import Categorical, Integer, Real
from skopt.utils import cook_initial_point_generator, normalize_dimensions

warnings.simplefilter("ignore")  # Sobol's advice about powers of two
OPTIMIZERS = ["adam", "lamb", "lion", "sgd"]
TRIALS = 1200
EVEN, HALVED = [1 / 4] * 4, [1 / 6, 1 / 3, 1 / 3, 1 / 6]


def dimensions() -> list:
    return [Categorical(OPTIMIZERS), Integer(1, 4), Categorical([False, True]), Real(1e-4, 1, prior="log-uniform")]


def share(values: list, choices: list) -> list[float]:
    counts = Counter(values)
    return [counts[choice] / len(values) for choice in choices]


print("scikit-optimize", skopt.__version__)
for name in ("lhs", "sobol", "halton", "hammersly"):
    trials = cook_initial_point_generator(name).generate(dimensions(), TRIALS, random_state=0)
    optimizers, layers, flags, rates = zip(*trials, strict=True)
    decades = np.floor(np.log10(rates)).tolist()
    found = share(optimizers, OPTIMIZERS), share(layers, [1, 2, 3, 4])
    print(f"{name:9} categories {np.round(found[0], 3)} integers {np.round(found[1], 3)}")
    assert all(np.allclose(shares, HALVED, atol=0.02) for shares in found)
    assert np.allclose(share(flags, [False, True]), [0.5, 0.5], atol=0.02)
    assert np.allclose(share(decades, [-4, -3, -2, -1]), EVEN, atol=0.02)

for title, space, expected in (
    ("random", skopt.Space(dimensions()), EVEN),
    ("random, for a Gaussian process", normalize_dimensions(dimensions()), HALVED),
):
    optimizers, layers, *_ = zip(*space.rvs(20_000, random_state=0), strict=True)
    found = share(optimizers, OPTIMIZERS), share(layers, [1, 2, 3, 4])
    print(f"{title}: categories {np.round(found[0], 3)} integers {np.round(found[1], 3)}")
    assert np.allclose(found[0], EVEN, atol=0.02)
    assert np.allclose(found[1], expected, atol=0.02)
PYTHON
