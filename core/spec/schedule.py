"""The learning rate as a function of the update's number: training and its preview ask the same class.

Each shape is torch's scheduler of the same name, stepped once an update (step decay: at the first update of an epoch);
tests compare them value by value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.spec import TrainSpec

ONECYCLE_RISE = 0.3  # share of the training, as in torch
ONECYCLE_START = 1 / 25  # share of the highest rate, as in torch
ONECYCLE_END = 1e-4  # share of the start, as in torch


def updates_per_epoch(train: TrainSpec, num_images: int) -> int:
    """Updates of the weights in one epoch: a smaller last batch, and a shorter last accumulation, count as well."""
    batches = math.ceil(num_images / train.batch_size)
    return max(1, math.ceil(batches / train.accumulation))


def updates_of_last_epoch(train: TrainSpec, updates: int) -> int:
    """Those of a last epoch that may be shorter than the others, of so many `updates` each."""
    return max(1, math.ceil(train.last_epoch * updates - 1e-9))


class LearningRate:
    """The learning rate of every update of a training.

    Warm-up rises linearly over the first `warmup_epochs` and multiplies the schedule; cosine and linear begin their
    fall after it, milestones count from the start of the training. One cycle brings its own rise.
    """

    def __init__(self, train: TrainSpec, steps_per_epoch: int) -> None:
        self.train, self.steps_per_epoch = train, steps_per_epoch
        self.total = (train.epochs - 1) * steps_per_epoch + updates_of_last_epoch(train, steps_per_epoch)
        self.warmup = round(train.warmup_epochs * steps_per_epoch)
        self.falling = max(1, self.total - self.warmup)  # updates after the warm-up
        self.period = max(1.0, train.period_epochs * steps_per_epoch) if train.period_epochs else float(self.falling)

    def at(self, step: int, reductions: int = 0) -> float:
        """The rate for update number `step`, from 0; `reductions`: decays so far, as `Plateau` counts them."""
        # At the first update 1 / (warmup + 1), at update number `warmup` exactly 1.
        rise = 1.0 if self.train.schedule in BRING_OWN_RISE else min(1.0, (step + 1) / (self.warmup + 1))
        return self.train.learning_rate * rise * SCHEDULES[self.train.schedule](self, step, reductions)

    def milestone_steps(self) -> list[float]:
        """The updates at which the rate of a step decay falls."""
        if self.train.milestones:
            return [float(milestone * self.steps_per_epoch) for milestone in self.train.milestones]
        return [self.total * 0.5, self.total * 0.75]

    def corners(self, at_most: int) -> list[int]:
        """Updates beside which the curve bends or jumps, so that a plot can put points there."""
        find = CORNERS.get(self.train.schedule)
        bends = [self.warmup, *(find(self, at_most) if find else ())]
        steps = {step for bend in bends for step in (math.ceil(bend) - 1, math.ceil(bend))}
        return sorted(step for step in steps if 0 <= step < self.total)


def lookahead_share(train: TrainSpec, updates: int, total: int) -> float:
    """The share of the way back that Lookahead goes after so many `updates` of `total`.

    Rising as in airbench94 (Jordan 2024, arXiv:2404.00498): fast at first, and strongly averaged at the end.
    """
    return train.lookahead_share * (min(1.0, updates / total) ** 3 if train.lookahead_rises else 1.0)


class ImageSides:
    """The side of the training images at every update: in equal steps from the first side to the full one."""

    def __init__(self, train: TrainSpec, image_size: int) -> None:
        self.full, first, steps = image_size, train.first_side, train.growth_steps
        self.phases = [(0.0, 1.0, self.full)]  # from which share of the updates to which, and the side
        if train.grow_images:
            begins = [train.grown_after * step / steps for step in range(steps + 1)]
            sides = [first + round((self.full - first) * step / steps) for step in range(steps + 1)]
            self.phases = list(zip(begins, [*begins[1:], 1.0], sides, strict=True))

    def at(self, step: int, total: int) -> int:
        """The side at update number `step` of `total`, from 0."""
        return next(side for begin, _, side in reversed(self.phases) if step >= begin * total)

    def shares(self) -> dict[int, float]:
        """The share of the updates that each side has."""
        found: dict[int, float] = {}
        for begin, end, side in self.phases:
            found[side] = found.get(side, 0.0) + end - begin
        return found

    def left(self, seen: int, total: int) -> float:
        """What the images after the first `seen` of a training's `total` come to in full ones, by their area."""
        return sum(
            max(0.0, end * total - max(begin * total, seen)) * (side / self.full) ** 2
            for begin, end, side in self.phases
        )


def _cosine(rate: LearningRate, step: int, reductions: int) -> float:
    """SGDR (Loshchilov & Hutter 2017), with a warm start at the top after each period."""
    fallen = max(0, step - rate.warmup)
    return _anneal(1.0, rate.train.final_rate, math.fmod(fallen, rate.period) / rate.period)


def _linear(rate: LearningRate, step: int, reductions: int) -> float:
    return 1.0 + (rate.train.final_rate - 1.0) * min(1.0, max(0, step - rate.warmup) / rate.falling)


def _step(rate: LearningRate, step: int, reductions: int) -> float:
    return rate.train.decay_factor ** sum(step >= milestone for milestone in rate.milestone_steps())


def _onecycle(rate: LearningRate, step: int, reductions: int) -> float:
    """One cycle (Smith & Topin 2018): from 1/25 up to the top, then down to the end, both along a cosine."""
    end = rate.train.final_rate or ONECYCLE_START * ONECYCLE_END
    rise, last = (rate.warmup or ONECYCLE_RISE * rate.total) - 1, rate.total - 1
    if rise > 0 and step <= rise:
        return _anneal(ONECYCLE_START, 1.0, step / rise)
    return _anneal(1.0, end, (step - rise) / (last - rise)) if last > rise else 1.0


def _anneal(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine, `share` of the way."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


# By the name in a spec: the rate of an update, after so many decays on plateaus, as a share of the highest.
SCHEDULES: dict[str, Callable[[LearningRate, int, int], float]] = {
    "cosine": _cosine,
    "onecycle": _onecycle,
    "step": _step,
    "plateau": lambda rate, step, reductions: max(rate.train.final_rate, rate.train.decay_factor**reductions),
    "linear": _linear,
    "constant": lambda rate, step, reductions: 1.0,
}
BRING_OWN_RISE = {"onecycle"}  # the others are multiplied by a linear warm-up


def _restarts(rate: LearningRate, at_most: int) -> list[float]:
    periods = min(at_most, int((rate.total - rate.warmup) / rate.period))
    return [rate.warmup + rate.period * count for count in range(1, periods + 1)]


# Where the curve bends or jumps other than at the end of the warm-up: at most so many updates.
CORNERS: dict[str, Callable[[LearningRate, int], list[float]]] = {
    "cosine": _restarts,
    "step": lambda rate, at_most: rate.milestone_steps(),
}


class Plateau:
    """Counts how often validation loss stopped falling, for the schedule "on plateau".

    The rate decays after `plateau_patience` epochs in a row without a lower loss: torch's ReduceLROnPlateau with a
    threshold of 0 and a patience one smaller, since torch counts the epochs that it tolerates.
    """

    def __init__(self, train: TrainSpec) -> None:
        self.patience = train.plateau_patience
        self.lowest = math.inf
        self.stale_epochs = 0
        self.reductions = 0

    def observe(self, val_loss: float) -> int:
        """Takes in one epoch's validation loss; returns the decays so far. NaN counts as no improvement."""
        if val_loss < self.lowest:
            self.lowest, self.stale_epochs = val_loss, 0
        else:
            self.stale_epochs += 1
        if self.stale_epochs >= self.patience:
            self.reductions, self.stale_epochs = self.reductions + 1, 0
        return self.reductions

    def state_dict(self) -> dict[str, Any]:
        return {"lowest": self.lowest, "stale_epochs": self.stale_epochs, "reductions": self.reductions}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.lowest = float(state["lowest"])
        self.stale_epochs, self.reductions = int(state["stale_epochs"]), int(state["reductions"])


def preview(train: TrainSpec, num_images: int, points: int = 400) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve of the whole training: epochs, (n,), and the rate at each, (n,); n is about `points`.

    A plateau's decays depend on the training, so its preview shows none.
    """
    rate = LearningRate(train, updates_per_epoch(train, num_images))
    even = np.linspace(0, rate.total - 1, min(points, rate.total)).round().astype(np.int64)
    steps = np.unique(np.concatenate([even, np.array(rate.corners(points), dtype=np.int64)]))
    return steps / rate.steps_per_epoch, np.array([rate.at(int(step)) for step in steps])
