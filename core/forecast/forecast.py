"""The forecast of one run: where it will end, whether it will beat the best, and how far to trust such forecasts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from core.compare.snapshot import ComparedRun
from core.forecast.extrapolate import LEAST_EPOCHS, FloatArray, Outlook
from core.forecast.interval import (
    FIGURES,
    LEAST_PAST,
    Figure,
    Interval,
    chance_above,
    cover,
    make_interval,
    residual,
    spread_ends,
)
from core.forecast.peers import is_same_task, list_finished, look_ahead, pick_like

ACCURACY = "val/accuracy"
LEAST_SHARE = 0.15  # of the epochs: before it nothing was recorded of trainings elsewhere
RECORDED = Path(__file__).with_name("recorded.json")  # written by `python -m benchmarks.forecast`


@dataclass(frozen=True)
class End:
    """Where one figure will end; `covered` of `past` trainings ended inside such an interval, each by the others."""

    column: str
    last: float
    interval: Interval
    covered: float
    past: int


@dataclass(frozen=True)
class Forecast:
    """Of a run after `done` of `epochs`. `own` says whether the lab's own runs tell, or recorded ones of another lab.

    `best` is the highest last validation accuracy of a finished run on the same images, with its name; `chance` is that
    to end above it.
    """

    done: int
    epochs: int
    passes: float  # the epochs, a shorter last one by its share
    ends: tuple[End, ...]
    own: bool
    best: float | None = None
    best_name: str = ""
    chance: float | None = None


@lru_cache(maxsize=32)  # each holds on to its run
def forecast_run(run: ComparedRun) -> Forecast | None:
    """Of a run as it was at one look; None before its third epoch, after its last, and where figures are missing."""
    done, epochs = count_done(run), run.spec.train.epochs
    if not done:
        return None
    finished = list_finished(run)
    ends = [_forecast(run, done, figure, pick_like(run, finished, LEAST_PAST)) for figure in FIGURES]
    known = [each for each in ends if each]
    if not known:
        return None
    rivals = [(end, other) for other in finished if (end := _end_of(other, ACCURACY)) is not None]
    rivals = [(end, other) for end, other in rivals if is_same_task(other.spec, run.spec)]
    value, best = max(rivals, key=lambda rival: rival[0], default=(None, None))
    chance = next((_chance(told, value) for told in known if told.end.column == ACCURACY and value is not None), None)
    own = all(told.own for told in known)
    name = best.name if best else ""
    return Forecast(done, epochs, run.spec.train.passes, tuple(told.end for told in known), own, value, name, chance)


def foresee_ends(run: ComparedRun, finished: Sequence[ComparedRun]) -> FloatArray | None:
    """The validation accuracies that a run may end with, (values,), each as likely as the others.

    By `finished` runs as `list_finished` gives them. None where `forecast_run` would tell nothing.
    """
    done, figure = count_done(run), FIGURES[0]
    outlook = look_ahead(run, done, figure) if done else None
    if outlook is None:
        return None
    share = done / run.spec.train.epochs
    peers = pick_like(run, [other for other in finished if other.id != run.id], LEAST_PAST)
    outlooks, ends = _look_back(peers, share, figure)
    if len(ends) >= LEAST_PAST:
        return spread_ends(outlook, _list_residuals(outlooks, ends), figure)
    return spread_ends(outlook, read_recorded(figure.column, share)[0], figure) if share >= LEAST_SHARE else None


def count_done(run: ComparedRun) -> int:
    """After how many epochs a run can be forecast: 0 before its third, after its last, and where one is missing."""
    done, epochs = len(run.rows), run.spec.train.epochs
    return done if LEAST_EPOCHS <= done < epochs and run.column("epoch")[-1] == done else 0


@dataclass(frozen=True)
class _Told:
    """An end with what it was made of."""

    end: End
    outlook: Outlook
    residuals: FloatArray
    own: bool


def _forecast(run: ComparedRun, done: int, figure: Figure, peers: Sequence[ComparedRun]) -> _Told | None:
    outlook = look_ahead(run, done, figure)
    if outlook is None:
        return None
    share = done / run.spec.train.epochs
    outlooks, ends = _look_back(peers, share, figure)
    own = len(ends) >= LEAST_PAST
    if not own and share < LEAST_SHARE:
        return None
    if own:
        residuals = _list_residuals(outlooks, ends)
        covered, past = float(cover(outlooks, ends, figure).mean()), len(ends)
    else:
        residuals, covered, past = read_recorded(figure.column, share)
    interval = make_interval(outlook, residuals, figure)
    end = End(figure.column, float(run.column(figure.column)[-1]), interval, covered, past)
    return _Told(end, outlook, residuals, own)


def _list_residuals(outlooks: Sequence[Outlook], ends: FloatArray) -> FloatArray:
    return np.array([residual(each, end) for each, end in zip(outlooks, ends, strict=True)])


def _look_back(peers: Sequence[ComparedRun], share: float, figure: Figure) -> tuple[list[Outlook], FloatArray]:
    """What was expected of finished runs at the same point of their schedule, and how they ended."""
    outlooks, ends = [], []
    for peer in peers:
        end = _end_of(peer, figure.column)
        then = look_ahead(peer, max(LEAST_EPOCHS, round(share * peer.spec.train.epochs)), figure)
        if then is not None and end is not None:
            outlooks.append(then)
            ends.append(end)
    return outlooks, np.array(ends)


def _end_of(run: ComparedRun, column: str) -> float | None:
    last = run.column(column)[-1:]
    return float(last[0]) if len(last) and np.isfinite(last[0]) else None


def _chance(told: _Told, value: float) -> float:
    return chance_above(told.outlook, told.residuals, value)


@cache
def _load_recorded() -> dict[str, dict[str, dict[str, list[float] | float]]]:
    found: dict[str, dict[str, dict[str, list[float] | float]]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


def read_recorded(column: str, share: float) -> tuple[FloatArray, float, int]:
    """Residuals of recorded trainings at the nearest point, the share that the interval covered, and their number."""
    by_share = _load_recorded()[column]
    nearest = by_share[min(by_share, key=lambda each: abs(float(each) - share))]
    residuals = np.array(nearest["residuals"], float)
    return residuals, float(np.asarray(nearest["covered"])), len(residuals)
