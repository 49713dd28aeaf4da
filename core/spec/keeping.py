"""Which epochs' checkpoints a run keeps, and what that takes on the disk: told before the start."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from core.spec import RunSpec, TrainSpec
from core.spec.choices import OPTIMIZER_COPIES
from core.spec.cost import BYTES_PER_WEIGHT, Cost
from core.spec.schedule import LearningRate
from core.text.formats import format_bytes
from core.text.words import count_of

KEPT = 2  # the newest, besides the best
_MANY_UPDATES = 1000
_OVERHEAD_BYTES = 60_000  # in a checkpoint of any run, beside numbers, what names them


@dataclass(frozen=True)
class Keeping:
    """How many checkpoints there are at the end, at most, and their bytes, estimated."""

    count: int
    bytes: int


def keeps_always(train: TrainSpec, epoch: int, drops: frozenset[int]) -> bool:
    """Whether the rule keeps this epoch for good; `drops` are those after which the rate drops."""
    every = train.keep_every > 0 and epoch % train.keep_every == 0
    return every or (train.keep_before_drops and epoch in drops)


def find_drops(train: TrainSpec, updates: int) -> frozenset[int]:
    """The last epochs before the rate of a step decay falls, at so many updates an epoch.

    Where it depends on the validation loss, nobody knows beforehand.
    """
    if train.schedule != "step":
        return frozenset()
    # The update after a milestone is of the next epoch, or within it.
    epochs = {ceil((milestone + 1) / updates) - 1 for milestone in LearningRate(train, updates).milestone_steps()}
    return frozenset(epoch for epoch in epochs if 1 <= epoch < train.epochs)


def estimate_keeping(spec: RunSpec, cost: Cost) -> Keeping:
    """Without the drops that only the training shows."""
    train = spec.train
    drops = find_drops(train, _MANY_UPDATES)  # how many there are does not depend on it
    epochs = range(1, train.epochs + 1)
    kept = {epoch for epoch in epochs if keeps_always(train, epoch, drops)} | set(epochs[-KEPT:])
    best = spec.data.may_validate  # is kept too, if it is none of them, and its weights are in every one
    count = min(train.epochs, len(kept) + best)
    copies = (
        1
        + best
        + OPTIMIZER_COPIES[train.optimizer](train.momentum)
        + (train.ema_decay > 0)
        + (train.lookahead_steps > 0)
    )
    return Keeping(count, count * (cost.parameters * copies * BYTES_PER_WEIGHT + _OVERHEAD_BYTES))


def tell_keeping(spec: RunSpec, cost: Cost) -> str:
    """What the rule costs, as a sentence; empty where only the last two and the best are kept."""
    train = spec.train
    waits = train.keep_before_drops and train.schedule == "plateau"
    if not train.keep_every and not train.keep_before_drops:
        return ""
    keeping = estimate_keeping(spec, cost)
    more = ", and one more for each drop of the rate" if waits else ""
    count = count_of(keeping.count, "checkpoint")
    return f"Keeps up to {count}, about {format_bytes(keeping.bytes)} of disk{more}."
