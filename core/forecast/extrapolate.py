"""A learning curve's end from its beginning, by an ensemble of parametric curves (Domhan, Springenberg & Hutter 2015).

Power laws, exponentials and a logarithm, each over epochs and over the learning rate spent: what is not linear in them
is taken from a grid, the rest by weighted least squares, so that an ensemble takes less than a millisecond. Each curve
weighs as well as it fits. Halfway between the ensemble's end and the last value is the centre: by itself the ensemble
goes too far, as replayed trainings show (docs/FORECAST.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.spec import TrainSpec
from core.spec.schedule import LearningRate

FloatArray = npt.NDArray[np.float64]

LEAST_EPOCHS = 3
POWERS = (0.3, 0.5, 1.0, 1.5, 2.5)
DECAYS = (0.05, 0.1, 0.2, 0.35, 0.6)  # as shares of the training
OLDEST_WEIGHT = 0.5  # of the first epoch; the last has 1
TRUST = 0.5  # how far from the last value to the ensemble's end
JITTER_EPOCHS = 5


@dataclass(frozen=True)
class Outlook:
    """The expected end of a curve, and how unsure it looks by itself: only past runs tell how far that can be off."""

    centre: float
    scale: float


def spend_rates(train: TrainSpec, updates_per_epoch: int) -> FloatArray:
    """The learning rate in the middle of each epoch, (epochs,); of "on plateau" the highest throughout.

    That of a shorter last epoch counts for as much less.
    """
    rate = LearningRate(train, updates_per_epoch)
    middle = updates_per_epoch // 2
    rates = np.array([rate.at(epoch * updates_per_epoch + middle) for epoch in range(train.epochs)])
    if train.last_epoch < 1:
        rates[-1] = train.last_epoch * rate.at(((train.epochs - 1) * updates_per_epoch + rate.total) // 2)
    return rates


def extrapolate(values: FloatArray, rates: FloatArray, floor: float) -> Outlook | None:
    """From the first values of a curve, (epochs done,), to its end at (epochs,) of `rates`; None if they are too few.

    `floor` is the least scale: what two trainings of one recipe differ by in any case.
    """
    done, epochs = len(values), len(rates)
    if done < LEAST_EPOCHS or not np.isfinite(values).all() or rates.sum() <= 0:
        return None
    spent = np.cumsum(rates)
    positions = (np.arange(1.0, epochs + 1), 1 + spent / spent[-1] * (epochs - 1))
    shapes = np.concatenate([_list_shapes(each) for each in positions])  # (curves, epochs)
    ends, errors = _fit(shapes, values)
    least = max(float(errors.min()), 1e-8)
    weights = np.exp(-0.25 * done * (errors / least - 1))
    weights /= weights.sum()
    middle = float(weights @ ends)
    apart = float(weights @ (ends - middle) ** 2)
    jitter = float(np.std(np.diff(values[-JITTER_EPOCHS:])))
    last = float(values[-1])
    scale = np.sqrt(apart + least + jitter**2 + (TRUST * (middle - last)) ** 2 + floor**2)
    return Outlook(last + TRUST * (middle - last), float(scale))


def _list_shapes(position: FloatArray) -> FloatArray:
    """Curves that fall from 1, over positions from 1 on: (curves, epochs)."""
    last = position[-1]
    powers = [position**-power for power in POWERS]
    decays = [np.exp(-(position - 1) / (share * last)) for share in DECAYS]
    return np.stack([*powers, *decays, 1 - np.log(position) / np.log(last + 1)])


def _fit(shapes: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each shape, values = a + b shape by weighted least squares: its end and its mean squared error."""
    known, weights = shapes[:, : len(values)], np.linspace(OLDEST_WEIGHT, 1, len(values)) ** 2
    weights /= weights.sum()
    mean_shape, mean_value = known @ weights, float(values @ weights)
    apart = known - mean_shape[:, None]
    slopes = (apart * (values - mean_value)) @ weights / np.maximum(apart**2 @ weights, 1e-12)
    ends = mean_value + slopes * (shapes[:, -1] - mean_shape)
    errors = (values - mean_value - slopes[:, None] * apart) ** 2 @ weights
    return ends, errors
