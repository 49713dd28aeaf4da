"""How much of the difference between a study's trials each searched field explains, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

from core.studies.objectives import OBJECTIVES
from core.studies.points import FloatArray, Points, gather_points
from core.studies.spec import StudySpec

MIN_TRIALS = 4  # fewer say nothing
RESAMPLES = 200
INTERVAL = 0.95
# To be called important, a field explains so much at the lower end of its interval: of what the more important ones
# leave over, and of the whole. With fewer trials chance alone would be called so in one study of eight.
CLEAR_SHARE, LEAST_SHARE, CLEAR_TRIALS = 0.2, 0.05, 10
MAX_DEGREE, TRIALS_A_DEGREE = 4, 4
_SEED = 0  # the same trials have the same interval, whoever looks and however often
_SINGULAR = 1e-9


@dataclass(frozen=True)
class FieldImportance:
    """`share` (0 to 1) of the trials' order that a field explains; `low` to `high` is its 95 % interval.

    `is_clear` says whether it would matter whichever of the trials had been drawn.
    """

    path: str
    share: float
    low: float
    high: float
    is_clear: bool = False


@dataclass(frozen=True)
class Importance:
    """The searched fields, the most important first; empty with a `reason` where nothing is known."""

    fields: tuple[FieldImportance, ...] = ()
    trials: int = 0
    reason: str = ""

    def share_of(self, path: str) -> float:
        return next((field.share for field in self.fields if field.path == path), 0.0)

    @property
    def clear(self) -> list[str]:
        """Paths of the fields that can be called important."""
        return [field.path for field in self.fields if field.is_clear]


def main_objective(spec: StudySpec) -> int:
    """The index of the first objective that is validated."""
    return next(index for index, name in enumerate(spec.objectives) if OBJECTIVES[name].is_validated)


def rank_fields(spec: StudySpec, trials: Sequence[FrozenTrial], objective: int | None = None) -> Importance:
    """As `measure_importance`; without an objective it is the first that is validated."""
    index = main_objective(spec) if objective is None else objective
    return measure_importance(gather_points("", spec, trials), index)


def measure_importance(points: Points, objective: int) -> Importance:
    """What each field explains of the order of the finished trials, beyond those before it.

    Of infeasible, failed and pruned trials no value is known that could be compared, so they are left out. The share is
    the adjusted R² of a polynomial in the ranks of the field, or of one mean for each choice, for the ranks of the
    values; the degree is the one that fits best, of at most one for every four trials. Ranks, as one network that blew
    up must not decide alone. The interval is that of resampled trials (bootstrap, Efron 1979).

    Optuna's measures are made for more trials than a study of networks has: `python -m benchmarks importance`.
    """
    rows = np.flatnonzero(points.with_value(objective, pruned=False) & np.isfinite(points.positions).all(1))
    values = points.values[rows, objective]
    if reason := _why_unknown(values):
        return Importance(trials=len(rows), reason=reason)
    fields = [
        _Explanation(field.path, *_design(positions, field.is_ordered))
        for field, positions in zip(points.fields, points.positions[rows].T, strict=True)
    ]
    return Importance(tuple(_rank_one_by_one(fields, _rank(values))), len(rows))


@dataclass(frozen=True)
class _Explanation:
    """What a field offers to explain the values by -> (trials, columns), and how many of the columns to try."""

    path: str
    columns: FloatArray
    degrees: list[int]


def _rank_one_by_one(fields: list[_Explanation], targets: FloatArray) -> Iterator[FieldImportance]:
    """The fields, the most important first: as long as one is clear, the others explain what it leaves over."""
    counts, left, share_left = _draw_counts(len(targets)), targets, 1.0
    while fields:
        shares = {field.path: _explain(field.columns, field.degrees, left, counts) for field in fields}
        fields = sorted(fields, key=lambda field: -shares[field.path][0])
        found = [_measure(field.path, shares[field.path], share_left, len(targets)) for field in fields]
        if not found[0].is_clear:
            yield from found
            return
        yield found[0]
        left = left - _fit(fields[0], left)
        share_left -= found[0].share
        fields = fields[1:]


def _measure(path: str, shares: FloatArray, share_left: float, trials: int) -> FieldImportance:
    low, high = np.quantile(shares[1:], [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    is_clear = trials >= CLEAR_TRIALS and low >= CLEAR_SHARE and share_left * low >= LEAST_SHARE
    share, low, high = (float(share_left * each) for each in (shares[0], low, high))
    return FieldImportance(path, share, low, high, bool(is_clear))


def _fit(field: _Explanation, targets: FloatArray) -> FloatArray:
    """What the field with all its columns says of each trial -> (trials,)."""
    columns = np.column_stack([np.ones(len(targets)), field.columns])
    return np.asarray(columns @ np.linalg.lstsq(columns, targets)[0], dtype=np.float64)


def _why_unknown(values: FloatArray) -> str:
    if len(values) < MIN_TRIALS:
        return f"The importance of the fields shows after {MIN_TRIALS} finished trials; there are {len(values)}."
    if np.ptp(values) == 0:
        return f"All {len(values)} finished trials have the same value, so nothing is known of what decides it."
    return ""


def _draw_counts(trials: int) -> FloatArray:
    """How often each trial counts -> (1 + resamples, trials); in the first row once."""
    dice = np.random.default_rng(_SEED)
    drawn = dice.multinomial(trials, np.full(trials, 1 / trials), size=RESAMPLES)
    return np.concatenate([np.ones((1, trials)), drawn])


def _rank(values: FloatArray) -> FloatArray:
    """Ranks from -1 to 1; equal values share the mean of theirs."""
    ordered = np.sort(values)
    ranks = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") - 1
    return np.asarray(ranks / max(1, len(values) - 1) - 1, dtype=np.float64)


def _design(positions: FloatArray, is_ordered: bool) -> tuple[FloatArray, list[int]]:
    """The columns of a field -> (trials, columns), and how many of them to try."""
    known = np.unique(positions)
    if not is_ordered:
        return (positions[:, None] == known).astype(np.float64), [len(known)]
    most = min(MAX_DEGREE, max(1, len(positions) // TRIALS_A_DEGREE), len(known) - 1)
    columns = np.polynomial.legendre.legvander(_rank(positions), most)[:, 1:]
    return np.asarray(columns, dtype=np.float64), list(range(1, most + 1))


def _explain(columns: FloatArray, degrees: Sequence[int], targets: FloatArray, counts: FloatArray) -> FloatArray:
    """Adjusted R² of the best degree, for each resample -> (1 + resamples,)."""
    if not columns.shape[1]:  # all trials have the same value of the field: it explains nothing
        return np.zeros(len(counts))
    total, distinct = len(targets), (counts > 0).sum(1)
    by_column, by_target = counts @ columns, counts @ targets
    products = (columns[:, :, None] * columns[:, None, :]).reshape(total, -1)
    squares = (counts @ products).reshape(len(counts), columns.shape[1], -1)
    squares -= by_column[:, :, None] * by_column[:, None, :] / total
    crossed = counts @ (columns * targets[:, None]) - by_column * by_target[:, None] / total
    spread = counts @ targets**2 - by_target**2 / total
    best = np.zeros(len(counts))
    for degree in degrees:
        sizes, directions = np.linalg.eigh(squares[:, :degree, :degree])
        known = sizes > _SINGULAR * sizes[:, -1:]
        along = np.einsum("rij,ri->rj", directions, crossed[:, :degree])
        explained = (along**2 / np.where(known, sizes, np.inf)).sum(1)
        # A trial that was drawn twice is no second witness, so only distinct ones count.
        free = distinct - known.sum(1) - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            adjusted = 1 - (1 - explained / spread) * (distinct - 1) / free
        best = np.maximum(best, np.where((free > 0) & (spread > _SINGULAR) & (sizes[:, -1] > 0), adjusted, 0.0))
    return np.clip(best, 0.0, 1.0)
