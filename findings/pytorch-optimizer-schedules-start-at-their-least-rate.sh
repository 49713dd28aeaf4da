#!/usr/bin/env bash
# pytorch_optimizer 4.1.0: its schedules train the first step at min_lr, so at 0, also where nothing is to be warmed up.
#
# In torch the rate is right when the schedule has been made, and each epoch ends with optimizer.step() and
# schedule.step(). REXScheduler and CosineAnnealingWarmupRestarts are torch's LRScheduler and take their first step when
# they are made, as torch's own do, but then put min_lr (0 and 1e-6 by default) over it. So REX, whose largest rate is
# its first, never trains at max_lr, and the cosine misses it in the first cycle but in no later one. CosineScheduler
# and LinearScheduler, which are not torch's, are late by one step in that order of calls, with two steps at 0 where
# there is a warm-up, and past t_max the linear one turns NEGATIVE: training climbs. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pytorch_optimizer==4.1.0 torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch
from pytorch_optimizer import CosineAnnealingWarmupRestarts, CosineScheduler, LinearScheduler, REXScheduler

STEPS = 8


def list_rates(make_schedule: Callable, count: int) -> np.ndarray:
    """The rate at which each of the first steps is trained, in torch's order of calls."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make_schedule(optimizer)
    rates = []
    for _ in range(count):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return np.array(rates)


print("pytorch_optimizer", version("pytorch_optimizer"), "torch", torch.__version__)
times = np.arange(STEPS) / STEPS
cosine = (1 + np.cos(np.pi * times)) / 2
rex = (1 - times) / (1 - times / 2)  # Chen et al. 2022
torchs = list_rates(lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS), STEPS)
print("torch, cosine ", np.round(torchs, 3))
assert np.allclose(torchs, cosine)

found = list_rates(lambda optimizer: REXScheduler(optimizer, total_steps=STEPS, max_lr=1.0), STEPS)
print("REX           ", np.round(found, 3), "instead of", np.round(rex, 3))
assert found[0] == 0
assert np.allclose(found[1:], rex[1:])

restarts = {"first_cycle_steps": STEPS, "max_lr": 1.0, "min_lr": 0.0, "gamma": 1.0}
found = list_rates(lambda optimizer: CosineAnnealingWarmupRestarts(optimizer, **restarts), 2 * STEPS)
print("restarts, 1st ", np.round(found[:STEPS], 3))
print("restarts, 2nd ", np.round(found[STEPS:], 3))
assert found[0] == 0
assert np.allclose(found[1:STEPS], cosine[1:])
assert np.allclose(found[STEPS:], cosine)

found = list_rates(lambda optimizer: CosineScheduler(optimizer, t_max=STEPS, max_lr=1.0), STEPS)
print("cosine        ", np.round(found, 3))
assert found[0] == 0
assert np.allclose(found[1:], cosine[:-1])

found = list_rates(lambda optimizer: LinearScheduler(optimizer, t_max=STEPS, max_lr=1.0, warmup_steps=4), STEPS + 4)
print("linear, warmed", np.round(found, 3))
assert found[0] == found[1] == 0
assert found[STEPS + 1] == 0
assert found[-1] < 0
PYTHON
