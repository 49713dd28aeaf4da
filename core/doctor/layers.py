"""Rules about single layers and about numbers that are none."""

from __future__ import annotations

import math

import numpy as np

from core.compare.lines import Mark
from core.compare.norms import name_layer
from core.doctor.observed import Observed
from core.doctor.rate import TRAIN_LOSS, VAL_LOSS, change_rate, need_epochs
from core.doctor.rule import Fix, Found
from core.spec import RunSpec
from core.text.words import list_first

DEAD_GRADIENT, DEAD_WEIGHTS = 1e-7, 1e-3  # below which a norm is none; the second as a share of the first epoch's
DEAD_EPOCHS = 2
EXPLODED = 10.0  # times the norm that the weights had, or can have had at the start
LARGE_UPDATE = 0.5  # of the weights' norm, in one update
MOST_NAMED = 3
SMALLEST_BATCH = 8


def lack_norms(epochs: int, observed: Observed) -> str:
    if not observed.spec.train.layer_norms:
        return "needs Layer norms, which are off"
    return need_epochs(epochs, observed)


def see_dead(observed: Observed) -> Found | None:
    """Layers whose gradient is gone, or whose weights have shrunk to nothing, for epochs."""
    weights, gradients = observed.norms("weights"), observed.norms("gradients")
    dead = []
    for layer, gradient in gradients.items():
        gone = (gradient < DEAD_GRADIENT) | (weights[layer] < DEAD_WEIGHTS * weights[layer][0])
        if gone[-DEAD_EPOCHS:].all() and len(gone) >= DEAD_EPOCHS:
            dead.append(layer)
    if not dead:
        return None
    worst = min(dead, key=lambda layer: gradients[layer][-1])
    names = list_first([name_layer(layer) for layer in dead], MOST_NAMED)
    told = (
        f"{len(dead)} of {len(gradients)} layers get no gradient: {names}. For {name_layer(worst)} the norm of the "
        f"gradient is {gradients[worst][-1]:.1g}, that of the weights {weights[worst][-1]:.2g} "
        f"({weights[worst][0]:.2g} after the first epoch)."
    )
    train = observed.spec.train
    less = {"train.weight_decay": 5e-4} if train.weight_decay > 5e-3 else {}
    less |= {"train.decay_norms_biases": False} if train.decay_norms_biases else {}
    fixes = (*((Fix(less),) if less else ()), change_rate(observed.spec, 0.1))
    return Found(told, (Mark(TRAIN_LOSS, observed.epochs),), fixes)


def see_exploding(observed: Observed) -> Found | None:
    """Layers whose weights have grown out of all measure, or are replaced by a single update."""
    weights, updates = observed.norms("weights"), observed.norms("updates")
    longest = longest_at_start(observed.spec)
    grown = {
        layer: values[-1]
        for layer, values in weights.items()
        if len(values) and values[-1] > EXPLODED * min(values[0], longest)
    }
    thrown = {layer: values[-1] for layer, values in updates.items() if len(values) and values[-1] > LARGE_UPDATE}
    if not grown and not thrown:
        return None
    parts = []
    if grown:
        worst = max(grown, key=lambda layer: grown[layer])
        parts.append(
            f"the norm of the weights of {name_layer(worst)} is {grown[worst]:.0f}, after the first epoch it was "
            f"{weights[worst][0]:.1f}, at the start at most {longest:.1f}"
        )
    if thrown:
        worst = max(thrown, key=lambda layer: thrown[layer])
        parts.append(f"one update moved those of {name_layer(worst)} by {thrown[worst]:.1f} of their norm")
    layers = len({*grown, *thrown})
    told = f"{layers} of {len(weights)} layers: {'; '.join(parts)}."
    train = observed.spec.train
    clip = Fix({"train.clip_norm": 1.0}) if train.clip_norm == 0 or train.clip_norm > 1 else None
    return Found(
        told, (Mark(TRAIN_LOSS, observed.epochs),), (change_rate(observed.spec, 0.1), *((clip,) if clip else ()))
    )


def longest_at_start(spec: RunSpec) -> float:
    """The largest norm that He's initialisation gives the weights of any layer: sqrt(2 channels)."""
    return math.sqrt(2 * max(spec.model.stem_channels, *(layer.channels for layer in spec.model.layers), 3))


def see_not_finite(observed: Observed) -> Found | None:
    """The run failed on a loss that is no number, or noted figures that are none."""
    losses = (TRAIN_LOSS, VAL_LOSS) if observed.has_validation else (TRAIN_LOSS,)
    gaps = [name for name in losses if observed.epochs and np.isnan(observed.column(name)[-1])]
    if observed.kind != "nan" and not gaps:
        return None
    told = observed.reason.split(" Try ")[0] if observed.reason else ""
    told = told or f"After epoch {observed.epochs} {' and '.join(gaps)} are no finite numbers."
    last = observed.column(TRAIN_LOSS)[np.isfinite(observed.column(TRAIN_LOSS))]
    told += f" The last training loss before it was {last[-1]:.3f}." if len(last) else ""
    train = observed.spec.train
    fixes = [change_rate(observed.spec, 0.1)]
    if train.clip_norm == 0:
        fixes.append(Fix({"train.clip_norm": 1.0}))
    if train.precision != "float32":
        fixes.append(Fix({"train.precision": "float32"}))
    return Found(told, (Mark(TRAIN_LOSS, len(last)),) if len(last) else (), tuple(fixes))


def see_tiny_batches(observed: Observed) -> Found | None:
    """Batches from which batch normalisation cannot tell a mean."""
    train = observed.spec.train
    if observed.spec.model.norm != "batch" or train.batch_size >= SMALLEST_BATCH:
        return None
    told = f"Each batch norm takes its mean and variance from {train.batch_size} images."
    told += " Gradient accumulation does not change that." if train.accumulation > 1 else ""
    larger = 32
    values = {"train.batch_size": larger}
    if train.accumulation > 1:
        values["train.accumulation"] = max(1, train.batch_size * train.accumulation // larger)
    return Found(told, (), (Fix(values), Fix({"model.norm": "group"})))
