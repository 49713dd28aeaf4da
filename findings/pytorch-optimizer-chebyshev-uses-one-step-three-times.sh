#!/usr/bin/env bash
# pytorch_optimizer 4.1.0: get_chebyshev_schedule takes its largest step three times and leaves the last two out.
#
# A Chebyshev schedule (Agarwal et al. 2021) is the reciprocals of n Chebyshev nodes, in a fractal order, EACH ONCE: only
# together do they shrink every direction of a quadratic. Here epoch 0, 1 and 2 all get the first of them, and the two
# last are never reached; and unless the number of epochs is a power of two, the nodes are those of the next power, of
# which only some are used. On the very quadratic it is for, with curvatures from 0.05 to 1, eight steps of gradient
# descent make the error 64 times as large instead of a nineteenth. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pytorch_optimizer==4.1.0 torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from collections import Counter
from importlib.metadata import version

import numpy as np
import torch
from pytorch_optimizer import get_chebyshev_schedule

LEAST, MOST = 0.05, 1.0  # the curvatures between which it works, as the library has them


def list_steps(epochs: int) -> list[float]:
    """The factor of the learning rate in each epoch, in the usual order: train, then step the schedule."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = get_chebyshev_schedule(optimizer, epochs)
    steps = []
    for _ in range(epochs):
        steps.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return steps


def reciprocals(count: int) -> np.ndarray:
    """1 / node for each of so many Chebyshev nodes between the curvatures, the largest first."""
    angles = (np.arange(count) + 0.5) * np.pi / count
    return 1 / ((MOST + LEAST) / 2 - (MOST - LEAST) / 2 * np.cos(angles))


def worst_factor(steps: np.ndarray | list[float]) -> float:
    """What gradient descent with these steps multiplies the error by, in the direction where that is most."""
    curvatures = np.linspace(LEAST, MOST, 10_001)
    return float(np.abs(np.prod([1 - step * curvatures for step in steps], axis=0)).max())


print("pytorch_optimizer", version("pytorch_optimizer"), "torch", torch.__version__)
for epochs, nodes in ((8, 8), (16, 16), (10, 16)):
    right, found = reciprocals(nodes), list_steps(epochs)
    counts = Counter(int(np.argmin(abs(right - step))) for step in found)
    assert np.allclose([right[np.argmin(abs(right - step))] for step in found], found)
    print(f"{epochs} epochs: {np.round(found[:6], 2)} ..., the first of {nodes} steps {counts[0]} times, {nodes - len(counts)} never")
    assert found[0] == found[1] == found[2] == max(found)
    assert len(counts) == epochs - 2
right, found = worst_factor(reciprocals(8)), worst_factor(list_steps(8))
print(f"error after 8 steps: times {right:.3f} with each step once, times {found:.0f} with those of the library")
assert right < 0.06
assert found > 60
PYTHON
