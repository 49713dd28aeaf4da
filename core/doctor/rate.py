"""Rules about the learning rate and its schedule."""

from __future__ import annotations

import math

import numpy as np

from core.compare.lines import Mark
from core.doctor.observed import FloatArray, Observed
from core.doctor.rule import Fix, Found
from core.spec import RunSpec

TRAIN_LOSS, VAL_LOSS = "train/loss", "val/loss"
RATE = "train.learning_rate"

ABOVE_CHANCE = 1.12  # times the loss of guessing, as the mean of an epoch
JUMP, JUMP_NATS = 1.5, 0.3  # a rise of the training loss, as a factor of the lowest and in nats
SLOW_EPOCHS, SLOW_FALL, STRAIGHT = 4, 0.01, -0.85
USUAL_UPDATE = 1e-3  # of the weights' norm: a longer one is not too short
FLAT_EPOCHS, FLAT = 6, 0.02
UNBENT = 0.6  # fall of the loss for each unit of the rate in the later half, against the whole training
SMOOTH = ("cosine", "linear", "onecycle", "constant")


def need_epochs(count: int, observed: Observed) -> str:
    return "" if observed.epochs >= count else f"needs {count} epochs"


def change_rate(spec: RunSpec, factor: float) -> Fix:
    """Another highest rate, with two digits."""
    return Fix({RATE: float(f"{spec.train.learning_rate * factor:.2g}")})


# Too high -----------------------------------------------------------------------------------------------------------


def see_too_high(observed: Observed) -> Found | None:
    """An epoch whose training loss is worse than guessing, or jumps up from the lowest before it."""
    loss, chance = observed.column(TRAIN_LOSS), observed.chance_loss
    bad = np.flatnonzero(loss > ABOVE_CHANCE * chance)
    lowest = np.fmin.accumulate(loss)
    jumps = np.flatnonzero((loss[1:] > JUMP * lowest[:-1]) & (loss[1:] > lowest[:-1] + JUMP_NATS)) + 1
    if not len(bad) and not len(jumps):
        return None
    index = int(min([*bad[:1], *jumps[:1]]))
    if index in bad:
        told = f"Mean training loss of epoch {index + 1} is {loss[index]:.2f}; guessing costs {chance:.2f}."
    else:
        told = f"Training loss rose from {lowest[index - 1]:.2f} to {loss[index]:.2f} in epoch {index + 1}."
    peak = _find_peak(observed, index)
    told += f" Within it, single steps reached {peak:.1f}." if peak and peak > 1.5 * loss[index] else ""
    told += _tell_update_ratio(observed, index)
    spec = observed.spec
    rise = Fix({"train.warmup_epochs": min(2.0, spec.train.epochs / 5), "train.clip_norm": 1.0})
    fixes = (change_rate(spec, 0.1), *((rise,) if spec.train.warmup_epochs == 0 else ()))
    return Found(told, (Mark(TRAIN_LOSS, index + 1),), fixes)


def _find_peak(observed: Observed, index: int) -> float | None:
    """The highest training loss that was noted between two updates of an epoch."""
    epoch, loss = observed.steps.get("epoch"), observed.steps.get(TRAIN_LOSS)
    if epoch is None or loss is None:
        return None
    inside = loss[(epoch > index) & (epoch <= index + 1)]
    return float(np.nanmax(inside)) if np.isfinite(inside).any() else None


def median_update(observed: Observed, index: int) -> float | None:
    """The median over layers of the last update's norm, as a share of the weights'."""
    ratios = [values[index] for values in observed.norms("updates").values()]
    return float(np.nanmedian(ratios)) if np.isfinite(ratios).any() else None


def _tell_update_ratio(observed: Observed, index: int) -> str:
    ratio = median_update(observed, index)
    return "" if ratio is None else f" Updates moved the weights by {ratio:.1g} of their norm (median of the layers)."


# Too low ------------------------------------------------------------------------------------------------------------


def see_too_low(observed: Observed) -> Found | None:
    """A training loss near that of guessing, which falls in an almost straight, slow line while the rate is high."""
    loss, rate = observed.column(TRAIN_LOSS), observed.column("learning_rate")
    start = math.ceil(observed.spec.train.warmup_epochs)
    low = np.flatnonzero(rate[start:] < 0.5 * np.nanmax(rate, initial=0.0))
    part = loss[start : start + low[0] if len(low) else None]
    if len(part) < SLOW_EPOCHS or not np.isfinite(part).all():
        return None
    fall = (part[0] - part[-1]) / (len(part) - 1)
    slope = np.corrcoef(np.arange(len(part)), part)[0, 1] if np.ptp(part) > 0 else 0.0
    if part[-1] < 0.85 * observed.chance_loss or fall >= SLOW_FALL * part[-1] or slope > STRAIGHT:
        return None
    last = start + len(part)
    if (median_update(observed, last - 1) or 0.0) > USUAL_UPDATE:
        return None
    told = (
        f"After {last} epochs the training loss is {part[-1]:.3f} (guessing: {observed.chance_loss:.3f}); it falls by "
        f"{fall:.1g} an epoch in a nearly straight line (correlation {slope:.2f})."
    )
    told += _tell_update_ratio(observed, last - 1)
    return Found(
        told,
        (Mark(TRAIN_LOSS, start + 1), Mark(TRAIN_LOSS, last)),
        (change_rate(observed.spec, 10), change_rate(observed.spec, 100)),
    )


# Schedule -----------------------------------------------------------------------------------------------------------


def see_plateau(observed: Observed) -> Found | None:
    """Neither loss gets lower for epochs while the rate stays as it is."""
    rate, val, train = (observed.column(name) for name in ("learning_rate", VAL_LOSS, TRAIN_LOSS))
    for end in range(2 * FLAT_EPOCHS, observed.epochs + 1):
        part = slice(end - FLAT_EPOCHS, end)
        same = np.ptp(rate[part]) <= 0.01 * np.nanmax(rate[part])
        far = observed.column("train/accuracy")[end - 1] < 0.99
        if same and far and all(_is_flat(each[:end]) for each in (val, train)):
            begin = end - FLAT_EPOCHS
            told = (
                f"From epoch {begin + 1} to {end} the rate stayed at {rate[end - 1]:.2g}; the lowest validation loss "
                f"is still that of {np.nanmin(val[:begin]):.3f} before, training loss went from "
                f"{train[begin - 1]:.3f} to {train[end - 1]:.3f}."
            )
            marks = (Mark(VAL_LOSS, begin), Mark(VAL_LOSS, end))
            return Found(told, marks, (Fix({"train.schedule": "cosine"}), Fix({"train.schedule": "plateau"})))
    return None


def _is_flat(loss: FloatArray) -> bool:
    """Whether the lowest of the last epochs is hardly below the lowest before them."""
    before, last = loss[:-FLAT_EPOCHS], loss[-FLAT_EPOCHS:]
    return bool(np.nanmean(last) > (1 - FLAT) * np.nanmin(before))


def lack_smooth_end(observed: Observed) -> str:
    if observed.spec.train.schedule not in SMOOTH:
        return "looks at schedules that fall smoothly"
    return "" if observed.is_complete else "looks at the end of the schedule"


def see_ends_early(observed: Observed) -> Found | None:
    """At the end of the schedule each unit of the rate still brings the losses about as far down as before."""
    val = observed.column(VAL_LOSS)
    if lack_smooth_end(observed) or np.isnan(val).any() or np.argmin(val) != len(val) - 1:
        return None
    if see_too_high(observed):  # then it falls because the rate does
        return None
    bends = [measure_bend(observed, name) for name in (VAL_LOSS, TRAIN_LOSS)]
    if min(bends) < UNBENT:
        return None
    half = len(val) // 2
    told = (
        f"For each unit of the learning rate, the later half of {len(val)} epochs brought the validation loss down "
        f"{bends[0]:.1f} times as fast as the whole training did, the training loss {bends[1]:.1f} times; a curve that "
        f"has bent is below {UNBENT}."
    )
    longer = Fix({"train.epochs": min(10_000, 3 * observed.planned)})
    return Found(told, (Mark(VAL_LOSS, max(1, half)), Mark(VAL_LOSS, len(val))), (longer,))


def measure_bend(observed: Observed, name: str) -> float:
    """A loss's fall for each unit of the rate in the later half of the epochs, against that from guessing on.

    1 is a straight line, 0 one that has flattened; 0 too where the loss is hardly below that of guessing.
    """
    loss, rate = observed.column(name), observed.column("learning_rate")
    half = len(loss) // 2
    whole = observed.chance_loss - loss[-1]
    spent = np.convolve(np.concatenate([rate[:1], rate]), [0.5, 0.5], "valid")  # the mean rate of each epoch
    if observed.is_complete:
        spent[-1] *= observed.spec.train.last_epoch
    share = spent[half:].sum() / spent.sum() if spent.sum() > 0 else 1.0
    if not whole > 0.02 * observed.chance_loss or share <= 0:
        return 0.0
    before = loss[half - 1] if half else observed.chance_loss
    return float((before - loss[-1]) / whole / share)
