"""The state of a branch: what a run of another spec takes over from an epoch's end of its parent.

Everything that both specs have is taken over bit for bit, so a branch that changes nothing is what the parent would
have been. What cannot be taken over begins anew, and a sentence says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from core.engine.checkpoint import CheckpointError, weights_of
from core.engine.data import Data
from core.engine.optim import build_lookahead, restore_moments, skip_compiler_import
from core.engine.state import Stopwatch, TrainState
from core.spec import CHOICE_LABELS, RunSpec
from core.spec.schedule import updates_per_epoch
from core.text.formats import format_percent

_CPU = torch.device("cpu")
_COUNTS = ("epoch", "step", "images", "epoch_seconds", "stale_epochs", "lowest_val_loss", "best", "last", "done")
_CONDITIONS = ("precision", "threads", "device_name", "torch", "notes")


def branch_off(saved: dict[str, Any], spec: RunSpec, data: Data) -> tuple[dict[str, Any], list[str]]:
    """The state of a run of `spec` that goes on from `saved`, and what of it begins anew, as sentences.

    The schedule goes on at the same epoch, also if an epoch has another number of updates now. Raises CheckpointError
    for a state from within an epoch, and for one of other images or of a network with other weights.
    """
    if saved["batch"]:
        raise CheckpointError("The checkpoint was written within an epoch; a branch begins at the end of one.")
    before = RunSpec.model_validate_json(saved["spec"])
    if before == spec:
        return saved, []
    skip_compiler_import()
    old, new = TrainState(before, data, _CPU), TrainState(spec, data, _CPU)
    old.restore(saved)
    try:
        new.model.load_state_dict(old.model.state_dict())
    except RuntimeError as error:
        raise CheckpointError("The checkpoint's weights have other shapes than this run's network.") from error
    for name in _COUNTS:
        setattr(new, name, getattr(old, name))
    new.watch = old.watch
    new.ahead = new.epoch * updates_per_epoch(spec.train, len(data.train)) - new.step
    new.conditions = {name: saved[name] for name in _CONDITIONS if name in saved}
    if before.train.precision != spec.train.precision:
        new.conditions.pop("precision", None)  # settled anew
    short = before.train.last_epoch < 1 and new.epoch == before.train.epochs
    notes = [
        *([f"Epoch {new.epoch} saw {format_percent(before.train.last_epoch, 0)} of the images."] if short else []),
        *_take_optimizer(old, new),
        *_take_averages(old, new),
        *_take_plateau(old, new),
    ]
    if old.norms and new.norms and old.norms.names == new.norms.names:
        new.norms.found.copy_(old.norms.found)
    return new.to_checkpoint(), notes


def take_weights(
    saved: dict[str, Any], spec: RunSpec, data: Data, class_names: Sequence[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """The state of a run of `spec` that begins with the weights by which `saved` was judged, and a sentence on them.

    The linear layer begins anew where its shape or the classes, by `class_names`, are others. Raises CheckpointError
    for a network with other weights.
    """
    skip_compiler_import()
    weights, new = weights_of(saved), TrainState(spec, data, _CPU)
    own = new.model.state_dict()
    linear = [name for name in own if name.startswith("linear.")]
    is_new = tuple(class_names) != data.class_names or any(
        name not in weights or weights[name].shape != own[name].shape for name in linear
    )
    kept = {name: weights[name] for name in own if name in weights and not (is_new and name in linear)}
    fits = all(name in kept and kept[name].shape == own[name].shape for name in own if name not in linear)
    if not fits or weights.keys() - own.keys():
        raise CheckpointError("The checkpoint's weights have other shapes than this run's network.")
    new.model.load_state_dict(own | kept)
    if new.average is not None:
        new.average.module.load_state_dict(new.model.state_dict())
    new.lookahead = build_lookahead(spec.train, new.model)
    new.watch = Stopwatch()
    note = "Its classes are others, so the linear layer began anew." if is_new else ""
    return new.to_checkpoint(), [note] if note else []


def _take_optimizer(old: TrainState, new: TrainState) -> list[str]:
    """Its moments, by the weight that they are of: another choice of what decays groups the weights otherwise."""
    was, now = old.spec.train.optimizer, new.spec.train.optimizer
    if was != now:
        return [
            f"{CHOICE_LABELS[now]} began with fresh state after epoch {new.epoch}: "
            f"what {CHOICE_LABELS[was]} had gathered is of no use to it."
        ]
    moments = dict(zip(_name_weights(old), _list_moments(old.optimizer), strict=True))
    own = {index: moments[name] for index, name in enumerate(_name_weights(new)) if moments[name]}
    restore_moments(new.optimizer, own)
    return []


def _name_weights(state: TrainState) -> list[str]:
    """Of all weights of its optimizer, in the order of its groups."""
    names = {id(weight): name for name, weight in state.model.named_parameters()}
    return [names[id(weight)] for group in state.optimizer.param_groups for weight in group["params"]]


def _list_moments(optimizer: Optimizer) -> list[dict[str, Any]]:
    return [optimizer.state.get(weight, {}) for group in optimizer.param_groups for weight in group["params"]]


def _take_averages(old: TrainState, new: TrainState) -> list[str]:
    notes = []
    if new.average is not None:
        if old.average is not None:
            new.average.load_state_dict(old.average.state_dict())
        else:
            new.average.module.load_state_dict(new.model.state_dict())
            notes.append(f"The average of the weights began with those after epoch {new.epoch}.")
    if new.lookahead is not None:
        if old.lookahead is not None:
            new.lookahead.load_state_dict(old.lookahead.state_dict())
        else:
            new.lookahead = build_lookahead(new.spec.train, new.model)
    return notes


def _take_plateau(old: TrainState, new: TrainState) -> list[str]:
    """Epochs are counted under any schedule, but mean something to one that decays on plateaus only."""
    if new.spec.train.schedule == "plateau" != old.spec.train.schedule:
        return [f"Plateaus are counted from epoch {new.epoch} on."]
    new.plateau.load_state_dict(old.plateau.state_dict())
    return []
