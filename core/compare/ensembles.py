"""Several runs as one: the mean of their probabilities on the same test images, from what they stored.

The mean of a few networks' probabilities is a deep ensemble (Lakshminarayanan et al. 2017, arXiv:1612.01474).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.compare.snapshot import ComparedRun, SpecFacts
from core.compare.units import same_test_images
from core.compare.verdicts import NoPredictionsError, Predictions, join_predictions, read_predictions
from core.runs.records import WeightsName
from core.spec import RunSpec
from core.spec.cost import DEFAULT_BUDGET, Cost, LayerCost
from core.stats.calibration import expected_calibration_error
from core.stats.scores import Accuracy, accuracy
from core.stats.significance import PairedComparison, compare_paired, verdict
from core.system.names import canonical
from core.text.words import count_of

ENSEMBLE_ID = "ensemble"
MAX_MEMBERS = 20
METHOD = (
    "An ensemble answers by the mean of its members' probabilities (Lakshminarayanan et al. 2017). Its verdicts are of "
    "the exact McNemar test and the bootstrap over the same test images; calibration error is the expected one in 15 "
    "bins (Guo et al. 2017). All of it is of stored test predictions: nothing is predicted again."
)


@dataclass(frozen=True)
class Row:
    """One line of figures: shares from 0 to 1, `loss` the mean cross-entropy."""

    name: str
    accuracy: Accuracy
    calibration_error: float
    loss: float
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Ensemble:
    """Runs that answer together; `probabilities` (images, classes), `remarks` say which runs could not join and why."""

    members: tuple[ComparedRun, ...]
    weights: WeightsName
    predictions: Predictions
    remarks: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"Ensemble of {count_of(len(self.members), 'run')}"

    @property
    def parameters(self) -> int:
        """The sum of its members'."""
        return sum(run.cost.parameters for run in self.members)

    def rows(self) -> list[Row]:
        """The ensemble first, then its members."""
        whole = _measure(self.name, self.predictions, self.parameters, _sum_multiply_adds(self.members))
        members = [(run, _require(run, self.weights)) for run in self.members]
        return [
            whole,
            *(_measure(run.name, found, run.cost.parameters, run.cost.multiply_adds) for run, found in members),
        ]

    def verdicts(self) -> list[tuple[ComparedRun, PairedComparison, str]]:
        """The ensemble against each member, on the same images: who, the comparison, a sentence."""
        found = []
        for run in self.members:
            comparison = compare_paired(self.predictions.correct, _require(run, self.weights).correct)
            sentence = verdict(comparison, "the ensemble", run.name)
            begins = sentence.startswith("the ensemble ")
            found.append((run, comparison, f"The {sentence[4:]}" if begins else sentence))
        return found

    def tell_budget(self, budget: int = DEFAULT_BUDGET) -> str:
        """The sum of parameters against a budget, as a sentence."""
        over = self.parameters - budget
        where = f"{over:,} over" if over > 0 else "within"
        return f"{self.parameters:,} parameters in sum: {where} the budget of {budget:,}."


def find_ensemble(runs: Sequence[ComparedRun], weights: WeightsName) -> Ensemble:
    """The ensemble of those runs that have predictions on the test images of the first that has.

    Raises NoPredictionsError with a sentence if fewer than two have.
    """
    members: list[ComparedRun] = []
    remarks: list[str] = []
    for run in runs:
        found = read_predictions(run, weights)
        if isinstance(found, str):
            remarks.append(found)
        elif members and (why := _find_difference(run, members[0], weights)):
            remarks.append(f"{run.name} {why}, so it cannot join.")
        elif len(members) == MAX_MEMBERS:
            remarks.append(f"{run.name} is left out: an ensemble takes at most {MAX_MEMBERS} runs.")
        else:
            members.append(run)
    if len(members) < 2:
        raise NoPredictionsError(" ".join(["An ensemble needs two runs with test predictions.", *remarks[:3]]))
    together = join_predictions(tuple(members), weights)
    if isinstance(together, str):
        raise NoPredictionsError(together)
    return Ensemble(tuple(members), weights, together, tuple(remarks))


def _find_difference(run: ComparedRun, first: ComparedRun, weights: WeightsName) -> str:
    """Why a run cannot answer together with another; empty if it can."""
    if list(map(canonical, _classes_of(run))) != list(map(canonical, _classes_of(first))):
        return f"tells other classes apart than {first.name}"
    same = np.array_equal(_require(run, weights).labels, _require(first, weights).labels)
    return "" if same and same_test_images(run, first) else f"was tested on other images than {first.name}"


def _classes_of(run: ComparedRun) -> list[str]:
    names = run.environment.get("class_names")
    return [str(name) for name in names] if isinstance(names, list) else []


def _require(run: ComparedRun, weights: WeightsName) -> Predictions:
    found = read_predictions(run, weights)
    if isinstance(found, str):
        raise NoPredictionsError(found)
    return found


def _measure(name: str, found: Predictions, parameters: int, multiply_adds: int) -> Row:
    return Row(
        name,
        accuracy(found.labels, found.predicted),
        expected_calibration_error(np.clip(found.confidence, 0, 1), found.correct),
        mean_loss(found.chances),
        parameters,
        multiply_adds,
    )


def mean_loss(chances: npt.NDArray[np.float64]) -> float:
    """Mean cross-entropy by the probabilities of the true classes (images,); 0 counts as the least float."""
    return float(-np.log(np.maximum(chances, np.finfo(np.float64).tiny)).mean())


def _sum_multiply_adds(members: Sequence[ComparedRun]) -> int:
    return sum(run.cost.multiply_adds for run in members)


# As one of the compared runs ------------------------------------------------------------------------------------------


class _SumFacts(SpecFacts):
    """What follows from the specs of all members: the sum of their costs, and no fields."""

    def __init__(self, members: Sequence[ComparedRun]) -> None:
        super().__init__(lambda: members[0].spec)
        self._members = tuple(members)

    @property
    def spec(self) -> RunSpec:
        return self._members[0].spec

    @property
    def cost(self) -> Cost:
        costs = [run.cost for run in self._members]
        sums = (
            sum(cost.parameters for cost in costs),
            sum(cost.multiply_adds for cost in costs),
            sum(cost.activation_elements for cost in costs),
        )
        return Cost((LayerCost(ENSEMBLE_ID, *sums, channels=0, map_size=0),))

    @property
    def fields(self) -> dict[str, object]:
        return {}

    @property
    def recipe(self) -> tuple[tuple[str, object], ...]:
        return ((ENSEMBLE_ID, tuple(run.id for run in self._members)),)


def add_ensemble(runs: Sequence[ComparedRun]) -> tuple[list[ComparedRun], str]:
    """The runs, and behind them the ensemble of all that can join as one more; or why there is none."""
    try:
        return [*runs, _as_run(tuple(runs))], ""
    except NoPredictionsError as error:
        return list(runs), str(error)


@lru_cache(maxsize=8)
def _as_run(runs: tuple[ComparedRun, ...]) -> ComparedRun:
    """The same object for the same runs, as what follows from a compared run is kept by it."""
    results: dict[str, float] = {}
    found: Ensemble | None = None
    reason: NoPredictionsError | None = None
    for weights, suffix in (("best", "_best"), ("last", "")):
        try:
            ensemble = find_ensemble(runs, weights)  # type: ignore[arg-type]
        except NoPredictionsError as error:
            reason = error
            continue
        found = ensemble
        results[f"test/accuracy{suffix}"] = float(ensemble.predictions.correct.mean())
        results[f"test/loss{suffix}"] = mean_loss(ensemble.predictions.chances)
    if found is None:
        raise reason or NoPredictionsError("An ensemble needs two runs with test predictions.")
    first = found.members[0]
    return replace(
        first,
        id=ENSEMBLE_ID,
        name=found.name,
        state="finished",
        facts=_SumFacts(found.members),
        rows=[],
        results=results,
        colour="",
        branch=None,
        members=found.members,
        _columns={},
    )
