"""Which of the compared runs is really better, from their stored predictions.

The arrays come from the run folders; what they mean is worked out in `core.stats.significance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.compare.snapshot import ComparedRun, finite
from core.compare.units import Unit, explain_foreign, same_data, same_test_images, tell_data
from core.runs.records import RunNotFoundError, WeightsName
from core.runs.store import open_run
from core.stats.scores import check_labels, softmax
from core.stats.significance import Comparison, compare_groups, compare_paired, compare_seeds, verdict
from core.system.errors import LabError

Outcome = Literal["better", "worse", "open"]
WEIGHTS: dict[WeightsName, str] = {"last": "Last weights", "best": "Best-on-validation weights"}
METHODS = (
    "Two runs: the exact McNemar test (McNemar 1947) and the bootstrap over images (Efron 1979), both paired on the "
    "same test images. Groups of seeds: images and seeds as two crossed sources of chance (Gallas et al. 2007), with "
    "Student's t and Satterthwaite's (1946) degrees of freedom; without stored predictions, Welch's (1947) t test over "
    "the seeds alone. A difference counts as settled if its 95 % interval and its test both exclude zero."
)
_FIGURES = {"last": "test/accuracy", "best": "test/accuracy_best"}


@dataclass(frozen=True)
class Verdict:
    """A unit compared with the baseline; `comparison` is unit minus baseline.

    None if nothing can be compared: then `reason` says why, in words that hold for others alike.
    """

    unit: Unit
    sentence: str
    comparison: Comparison | None = None
    remarks: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Predictions:
    """What one run predicts for the test images: class and its probability, (images,) each, and the true classes.

    `chances` (images,) are the probabilities of the true classes.
    """

    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    chances: npt.NDArray[np.float64]

    @classmethod
    def of(cls, labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> Predictions:
        """By probabilities (images, classes); equal ones go to the lower class."""
        own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
        return cls(labels, probabilities.argmax(1), probabilities.max(1), own)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.predicted == self.labels)


@dataclass(frozen=True)
class Incomparable:
    """Units that cannot be compared with the baseline for one reason."""

    reason: str
    verdicts: tuple[Verdict, ...]


def sort_verdicts(verdicts: Sequence[Verdict]) -> tuple[list[Verdict], list[Incomparable]]:
    """What is known, then what cannot be compared, by the reason."""
    judged = [each for each in verdicts if each.comparison is not None]
    by_reason: dict[str, list[Verdict]] = {}
    for each in verdicts:
        if each.comparison is None:
            by_reason.setdefault(each.reason or each.sentence, []).append(each)
    return judged, [Incomparable(reason, tuple(found)) for reason, found in by_reason.items()]


def sort_outcomes(judged: Sequence[Verdict]) -> dict[Outcome, list[Verdict]]:
    """By what is settled, each from the best to the worst."""
    found: dict[Outcome, list[Verdict]] = {"better": [], "worse": [], "open": []}
    differences = [(each.comparison, each) for each in judged if each.comparison is not None]
    for comparison, each in sorted(differences, key=lambda pair: -pair[0].difference):
        found[outcome_of(comparison)].append(each)
    return found


def outcome_of(comparison: Comparison) -> Outcome:
    if not comparison.is_settled:
        return "open"
    return "better" if comparison.difference > 0 else "worse"


class NoPredictionsError(LabError):
    """Runs have no usable predictions."""


@lru_cache(maxsize=256)
def read_predictions(run: ComparedRun, weights: WeightsName) -> Predictions | str:
    """A run's stored predictions on the test images, in the order of the data set, or a sentence why it has none.

    Of an ensemble the mean of its members'. Kept by the run as it was: once it has ended, its predictions stay as they
    are.
    """
    if run.members:
        return join_predictions(run.members, weights)
    found = _read_probabilities(run, weights)
    if isinstance(found, str):
        return found
    labels, probabilities, predicted = found
    return replace(Predictions.of(labels, probabilities), predicted=predicted)


_Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]


def _read_probabilities(run: ComparedRun, weights: WeightsName) -> _Found | str:
    """Labels (images,), probabilities (images, classes) and answers (images,), or a sentence why there are none.

    The answers are those of the logits, of which a softmax may make two equal.
    """
    if run.is_active:
        return f"{run.name} has not ended yet, so it has no test predictions."
    try:
        folder = open_run(run.id)
    except RunNotFoundError:
        return f"{run.name} was deleted."
    logits, labels = folder.predictions(f"test_{weights}"), folder.predictions("test_labels")
    if logits is None or labels is None:
        return f"{run.name} has no test predictions stored{_explain(run, weights)}."
    try:
        probabilities = softmax(logits)
        return check_labels(labels, probabilities), probabilities, np.asarray(logits).argmax(1)
    except ValueError as error:
        return f"The predictions of {run.name} cannot be used: {error}."


@lru_cache(maxsize=16)
def join_predictions(members: tuple[ComparedRun, ...], weights: WeightsName) -> Predictions | str:
    """The mean of the members' probabilities on the same images, or a sentence why one of them has none."""
    total, labels = None, None
    for run in members:
        found = _read_probabilities(run, weights)
        if isinstance(found, str):
            return found
        labels, total = found[0], found[1] if total is None else total + found[1]
    if total is None or labels is None:
        return "An ensemble has members."
    return Predictions.of(labels, total / len(members))


def _explain(run: ComparedRun, weights: WeightsName) -> str:
    if run.tool:
        return f": {run.tool} keeps none"
    if run.is_untested:
        return ": its test images were not looked at; its page has a button for that"
    if weights == "best" and run.environment.get("val_images") == 0:
        return ": no images were held out, so no weights are best on validation"
    ends = {"stopped": "was stopped before its end", "interrupted": "was interrupted", "failed": "failed"}
    return f": it {ends[run.state]}" if run.state in ends else ""


def judge_all(units: Sequence[Unit], weights: WeightsName) -> list[Verdict]:
    """Every unit compared with the first one."""
    return [judge(unit, units[0], weights) for unit in units[1:]]


@lru_cache(maxsize=512)
def judge(unit: Unit, baseline: Unit, weights: WeightsName) -> Verdict:
    """A unit against the baseline on the test images; by seeds alone only if predictions are missing.

    Nothing compares across data sets; on other images of the same data set only seeds do.
    """
    if not same_data(unit.first, baseline.first):
        if why := explain_foreign(unit.first, baseline.first):
            reason = f"{why[0].upper()}{why[1:]}: whether they are the same is not known."
            return Verdict(unit, f"{unit.name} and {baseline.name}: {why}.", reason=reason)
        other, own = (tell_data(each.first) for each in (unit, baseline))
        return Verdict(
            unit,
            f"{unit.name} is of another data set ({other}) than the baseline ({own}): their accuracies do not compare.",
            reason=f"Of another data set ({other}) than the baseline ({own}): accuracies do not compare.",
        )
    sides, remarks = [], []
    for side in (unit, baseline):
        correct, missing = collect_predictions(side, weights)
        sides.append(correct)
        remarks += missing
    if not all(sides):
        return _judge_figures(unit, baseline, weights, remarks)
    if not share_images([*sides[0], *sides[1]]):
        remarks.append("The two were tested on different images, so only their seeds are compared.")
        return _judge_figures(unit, baseline, weights, remarks)
    a, b = ([predictions.correct for predictions in side.values()] for side in sides)
    single = len(a) == len(b) == 1
    comparison = compare_paired(a[0], b[0]) if single else compare_groups(np.stack(a), np.stack(b))
    return Verdict(unit, verdict(comparison, unit.name, baseline.name), comparison, tuple(remarks))


def collect_predictions(side: Unit, weights: WeightsName) -> tuple[dict[ComparedRun, Predictions], list[str]]:
    """The predictions of a side's seeds, and why some have none."""
    read = {run: read_predictions(run, weights) for run in side.seeds}
    found = {run: each for run, each in read.items() if isinstance(each, Predictions)}
    missing = [each for each in read.values() if isinstance(each, str)]
    if len(missing) > 2:
        missing = [f"{len(missing)} of {len(side.seeds)} runs of {side.name} have no usable test predictions."]
    if repeated := len(side.runs) - len(side.seeds):
        what = "1 run repeats" if repeated == 1 else f"{repeated} runs repeat"
        missing.append(f"{what} a seed of {side.name}, and counts once.")
    return found, missing


def share_images(sides: Sequence[ComparedRun]) -> bool:
    """Whether all were tested on the same images, in the same order."""
    first, labels = sides[0], _labels(sides[0])
    return all(same_test_images(run, first) and np.array_equal(_labels(run), labels) for run in sides)


def _labels(run: ComparedRun) -> npt.NDArray[np.int64]:
    # Which weights predicted makes no difference to the true classes.
    for weights in WEIGHTS:
        found = read_predictions(run, weights)
        if isinstance(found, Predictions):
            return found.labels
    return np.empty(0, np.int64)


def _judge_figures(unit: Unit, baseline: Unit, weights: WeightsName, remarks: list[str]) -> Verdict:
    """By the test accuracies that the runs ended with, one a seed."""
    values = [
        [value for run in side.seeds if (value := finite(run.results.get(_FIGURES[weights]))) is not None]
        for side in (unit, baseline)
    ]
    without = [side.name for side, known in zip((unit, baseline), values, strict=True) if not known]
    if without:
        plural = "has" if len(without) == 1 else "have"
        reason = f"{baseline.name} has no test result yet." if baseline.name in without else "No test result yet."
        return Verdict(unit, f"{' and '.join(without)} {plural} no test result yet.", None, tuple(remarks), reason)
    comparison = compare_seeds(*values)
    return Verdict(unit, verdict(comparison, unit.name, baseline.name), comparison, tuple(remarks))


def warn_of_chance(count: int) -> str:
    """What many comparisons at once do to their errors; nothing for one."""
    if count < 2:
        return ""
    return (
        f"Where nothing differs, a test still looks settled by chance in up to 1 of 20 cases; these are {count} tests."
    )
