"""Which trials end early: a study's pruner as Optuna has it, and which epochs it looks at, told before the start."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import optuna
from optuna import pruners
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from core.forecast.extrapolate import LEAST_EPOCHS, FloatArray, Outlook, extrapolate, spend_rates
from core.forecast.forecast import LEAST_SHARE, read_recorded
from core.forecast.interval import FIGURES, chance_above, residual
from core.spec import TrainSpec
from core.studies.spec import Pruner, StudySpec, propose
from core.studies.trials import is_infeasible
from core.text.formats import format_percent
from core.text.words import count_of, join_words

HARDLY = 0.05  # a chance to become the best that is not worth the epochs
MIN_TRIALS = 5  # trials with a value at the same epoch, before the median of them prunes another
HYPERBAND_FACTOR, HALVING_FACTOR = 3, 4  # Optuna's own; one in so many trials goes on at a rung


Recorded = Callable[[str, float], tuple[FloatArray, float, int]]  # as `read_recorded`
TrainOf = Callable[[FrozenTrial], TrainSpec]


class StandstillPruner(pruners.BasePruner):
    """Ends a trial whose last `patience` epochs were no better than the best before them.

    Optuna's PatientPruner ends only one that got worse, so that a trial which stands still goes on for ever.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
        values = [sign * value for _, value in sorted(trial.intermediate_values.items())]
        before, since = values[: -self.patience], values[-self.patience :]
        return bool(before) and min(_known(since), default=math.inf) >= min(_known(before), default=math.inf)


class ForecastPruner(pruners.BasePruner):
    """Ends a trial that has hardly a chance to end better than the best that has finished.

    Where it will end is told by the forecast of its curve, moved by what such forecasts were off by at the same point:
    in the study's own finished trials, and in `recorded` trainings. `train_of` gives a trial's training.
    """

    def __init__(self, study: StudySpec, recorded: Recorded = read_recorded, train_of: TrainOf | None = None) -> None:
        self.figure = next(each for each in FIGURES if each.column == study.objectives[0])
        self.waits, self.recorded = max(LEAST_EPOCHS, study.pruner_warmup_epochs + 1), recorded
        self.train_of = train_of or (lambda trial: propose(study, trial.params).train)
        self._known: dict[tuple[int, int], float | None] = {}

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        values, train = _list_values(trial), self.train_of(trial)
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        finished = [other for other in finished if not is_infeasible(other) and other.values]
        waits = max(self.waits, LEAST_SHARE * train.epochs)
        if not waits <= len(values) < train.epochs or not finished:
            return False
        sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
        best = max(sign * other.values[0] for other in finished)
        outlook = extrapolate(values, _spend(train), self.figure.floor)
        if outlook is None or (sign * values).max() > best:
            return False
        residuals = self._list_residuals(finished, len(values) / train.epochs)
        mirrored = Outlook(sign * outlook.centre, outlook.scale)
        return chance_above(mirrored, sign * residuals, best) < HARDLY

    def _list_residuals(self, finished: Sequence[FrozenTrial], share: float) -> FloatArray:
        own = [self._find_residual(trial, share) for trial in finished]
        return np.array([*self.recorded(self.figure.column, share)[0], *(each for each in own if each is not None)])

    def _find_residual(self, trial: FrozenTrial, share: float) -> float | None:
        """By how many of its scales the forecast of a finished trial was off at this share of its epochs."""
        epochs = len(trial.intermediate_values)
        then = max(LEAST_EPOCHS, round(share * epochs))
        key = (trial.number, then)
        if key not in self._known:
            values, train = _list_values(trial), self.train_of(trial)
            whole = epochs == train.epochs and then < epochs and bool(len(values)) and np.isfinite(values).all()
            outlook = extrapolate(values[:then], _spend(train), self.figure.floor) if whole else None
            self._known[key] = residual(outlook, float(values[-1])) if outlook else None
        return self._known[key]


def _list_values(trial: FrozenTrial) -> FloatArray:
    """What it reported, (epochs,); nothing if an epoch is missing, as of a run that joined."""
    reported = sorted(trial.intermediate_values.items())
    whole = [epoch for epoch, _ in reported] == list(range(1, len(reported) + 1))
    return np.array([value for _, value in reported] if whole else [], float)


@lru_cache(maxsize=256)
def _spend(train: TrainSpec) -> FloatArray:
    """Its learning rate epoch by epoch; how many updates one has makes little difference to the shape."""
    return spend_rates(train, 1)


def _known(values: list[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def make_pruner(study: StudySpec) -> pruners.BasePruner:
    """The study's pruner; it compares trials epoch by epoch, counted from 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Hyperband is called experimental
        return PRUNERS[study.pruner].make(study)


def should_prune(study: StudySpec, trial: optuna.Trial, value: float) -> bool:
    """Whether a trial ends after this value, the last that it reported.

    One that is NaN ends by every pruner: Optuna's median asks for the best value so far, and would let it go on.
    """
    return study.pruner != "none" and (math.isnan(value) or trial.should_prune())


def max_epochs(study: StudySpec) -> int:
    """Epochs of the longest training in the space."""
    found = [dimension.highest for dimension in study.space if dimension.path == "train.epochs"]
    return int(found[0]) if found else study.base.train.epochs


@dataclass(frozen=True)
class Bracket:
    """The share of all trials that are judged at these rungs: epochs after which only the best of them go on."""

    share: float
    rungs: tuple[int, ...]


def list_brackets(study: StudySpec) -> list[Bracket]:
    """The brackets of a study that has some, those that end trials soonest first. After the last epoch none ends."""
    epochs, least = max_epochs(study), max(1, study.pruner_warmup_epochs)
    match study.pruner:
        case "halving":
            return [Bracket(1.0, _list_rungs(least, HALVING_FACTOR, epochs))]
        case "hyperband":
            pruner: Any = make_pruner(study)
            # Optuna counts its brackets when it is first asked about a trial; how many, and how large, is its affair.
            pruner._try_initialization(None)
            budgets: list[int] = pruner._trial_allocation_budgets
            return [
                Bracket(budget / sum(budgets), _list_rungs(least * HYPERBAND_FACTOR**index, HYPERBAND_FACTOR, epochs))
                for index, budget in enumerate(budgets)
            ]
    return []


def _list_rungs(first: int, factor: int, epochs: int) -> tuple[int, ...]:
    rungs = []
    while first < epochs:
        rungs.append(first)
        first *= factor
    return tuple(rungs)


def tell_pruner(study: StudySpec) -> str:
    """The pruner and when it ends trials early: `Median pruner: after epoch 2 at the earliest.`; empty without one."""
    how = " ".join(describe_pruning(study))
    return f"{PRUNERS[study.pruner].label} pruner: {how[0].lower()}{how[1:]}" if how else ""


def describe_pruning(study: StudySpec) -> list[str]:
    """When trials end early, in sentences; what of it makes no sense for this study is said."""
    waits = study.pruner_warmup_epochs
    match study.pruner:
        case "none":
            return []
        case "median":
            return [f"After epoch {waits + 1} at the earliest, once {MIN_TRIALS} trials have reached the same epoch."]
        case "forecast":
            first = max(LEAST_EPOCHS, waits + 1, math.ceil(LEAST_SHARE * max_epochs(study)))
            return [
                f"After epoch {first} at the earliest, once a trial has finished: where the "
                f"forecast leaves less than {format_percent(HARDLY, 0)} for ending better than the best so far "
                "(docs/FORECAST.md)."
            ]
        case "patient":
            return [f"After {count_of(max(1, waits), 'epoch')} without an improvement."]
    brackets = list_brackets(study)
    factor = HYPERBAND_FACTOR if study.pruner == "hyperband" else HALVING_FACTOR
    told = [f"One in {factor} trials goes on at each rung. {_describe_brackets(brackets)}"]
    if study.pruner == "hyperband" and len(brackets) == 1:
        told.append("One bracket is successive halving; a first rung in the first third of the epochs makes two.")
    return told


def _describe_brackets(brackets: list[Bracket]) -> str:
    if len(brackets) == 1:
        return f"{_name_rungs(brackets[0])[:1].upper()}{_name_rungs(brackets[0])[1:]}."
    parts = [f"{format_percent(bracket.share, 0)} of the trials with {_name_rungs(bracket)}" for bracket in brackets]
    return f"{len(brackets)} brackets: {'; '.join(parts)}."


def _name_rungs(bracket: Bracket) -> str:
    if not bracket.rungs:
        return "no rung before the last epoch"
    return f"rungs after epoch {join_words([str(rung) for rung in bracket.rungs])}"


def _make_hyperband(study: StudySpec) -> pruners.BasePruner:
    least, epochs = max(1, study.pruner_warmup_epochs), max_epochs(study)
    return pruners.HyperbandPruner(
        min_resource=least, max_resource=max(epochs, least + 1), reduction_factor=HYPERBAND_FACTOR
    )


@dataclass(frozen=True)
class PrunerEntry:
    """`waits` names what `pruner_warmup_epochs` is to it."""

    label: str
    make: Callable[[StudySpec], pruners.BasePruner]
    waits: str = ""


PRUNERS: Mapping[Pruner, PrunerEntry] = {
    "median": PrunerEntry(
        "Median",
        lambda study: pruners.MedianPruner(
            n_startup_trials=MIN_TRIALS, n_warmup_steps=study.pruner_warmup_epochs + 1, n_min_trials=MIN_TRIALS
        ),
        "Pruner waits (epochs)",
    ),
    "hyperband": PrunerEntry("Hyperband", _make_hyperband, "First rung (epochs)"),
    "halving": PrunerEntry(
        "Successive halving",
        lambda study: pruners.SuccessiveHalvingPruner(
            min_resource=max(1, study.pruner_warmup_epochs), reduction_factor=HALVING_FACTOR
        ),
        "First rung (epochs)",
    ),
    "patient": PrunerEntry(
        "Patient", lambda study: StandstillPruner(max(1, study.pruner_warmup_epochs)), "Patience (epochs)"
    ),
    "forecast": PrunerEntry("Forecast", ForecastPruner, "Pruner waits (epochs)"),
    "none": PrunerEntry("None", lambda _: pruners.NopPruner()),
}
