"""Which trials end early: a study's pruner as Optuna has it, and which epochs it looks at, told before the start."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna import pruners
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from core.studies.spec import Pruner, StudySpec
from core.text.formats import format_percent
from core.text.words import count_of, join_words

MIN_TRIALS = 5  # trials with a value at the same epoch, before the median of them prunes another
HYPERBAND_FACTOR, HALVING_FACTOR = 3, 4  # Optuna's own; one in so many trials goes on at a rung


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


def describe_pruning(study: StudySpec) -> list[str]:
    """When trials end early, in sentences; what of it makes no sense for this study is said."""
    waits = study.pruner_warmup_epochs
    match study.pruner:
        case "none":
            return []
        case "median":
            return [f"After epoch {waits + 1} at the earliest, once {MIN_TRIALS} trials have reached the same epoch."]
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
    "none": PrunerEntry("None", lambda _: pruners.NopPruner()),
}
