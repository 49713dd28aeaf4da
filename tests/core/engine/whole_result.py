"""All that a training leaves behind, to hold one against another."""

import copy
import itertools
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from core.engine.events import EpochEnd, Finished, Stopped
from core.engine.train import train

CLOCK = {"seconds", "images_per_second", "train_seconds"}
ENOUGH = 10_000  # more questions than any toy training asks


def without_clock(metrics):
    return {name: value for name, value in metrics.items() if name not in CLOCK}


def train_with_stops(spec, data, stops, keep=copy.deepcopy) -> dict[str, Any]:
    """Trains, stopping each time after so many questions of `should_stop`, resumes from what `keep` makes of the state.

    Returns all that a run leaves behind, but the clock.
    """
    state, ends, points = None, [], []
    for patience in [*stops, ENOUGH]:
        asked = itertools.count(1)
        for event in train(spec, data, resume=state, should_stop=lambda a=asked, p=patience: next(a) >= p):
            points += [asdict(point) for point in getattr(event, "points", ())]
            match event:
                case EpochEnd():
                    ends.append(event)
                case Stopped():
                    state = keep(event.state)
                case Finished():
                    return {
                        "epochs": [without_clock(end.metrics) for end in ends],
                        "points": [without_clock(point) for point in points],
                        "is_best": [end.is_best for end in ends],
                        "val_logits": [end.val_logits for end in ends],
                        "final": without_clock(event.metrics),
                        "reason": event.reason,
                        "predictions": event.predictions,
                        "state": {k: v for k, v in ends[-1].state.items() if k not in ("seconds", "epoch_seconds")},
                    }
    raise AssertionError("did not finish")


def differences(one, other, path="") -> list[str]:
    """Where two nested results are not equal to the last bit; epochs' clocks apart."""
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [path]
        return [d for key in one if key not in CLOCK for d in differences(one[key], other[key], f"{path}/{key}")]
    if isinstance(one, list):
        if len(one) != len(other):
            return [path]
        return [d for i, (a, b) in enumerate(zip(one, other, strict=True)) for d in differences(a, b, f"{path}/{i}")]
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [path]
    if isinstance(one, np.ndarray):
        return [] if np.array_equal(one, other) else [path]
    return [] if one == other else [path]
