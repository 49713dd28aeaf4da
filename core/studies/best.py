"""The best trials of a study on the test images: chosen on validation, tested once the search is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial

from core.launch.launcher import LauncherError, measure_test
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import DamagedRunError, RunNotFoundError
from core.runs.store import open_run
from core.studies.conclusions import rank_trials
from core.studies.spec import StudySpec
from core.studies.storage import StudyError
from core.studies.study import Study, open_study
from core.text.words import join_words, list_first

MAX_TESTED = 20  # trials of a Pareto front
MAX_NAMED = 4


@dataclass(frozen=True)
class BestTrial:
    """A chosen trial; `run` is None if it is gone, and `reason` says why."""

    number: int
    run: Run | None
    reason: str = ""

    @property
    def is_testing(self) -> bool:
        return self.run is not None and self.run.state() in ("queued", "running")

    @property
    def is_untested(self) -> bool:
        return self.run is not None and self.run.summary().is_untested


def choose_best(spec: StudySpec, study: optuna.Study, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The best finished trial on validation; with several objectives those of the Pareto front, the best first."""
    ranked = rank_trials(spec, trials)
    if len(spec.objectives) == 1:
        return ranked[:1]
    front = {trial.number for trial in study.best_trials} if ranked else set()
    return [trial for trial in ranked if trial.number in front][:MAX_TESTED]


def list_best(study: Study) -> list[BestTrial]:
    """The best trials with their runs. Raises StudyError."""
    return [find_run(trial) for trial in choose_best(study.spec, study.optuna(), study.frozen_trials())]


def list_tested(trials: Sequence[FrozenTrial]) -> list[BestTrial]:
    """The trials that have looked at the test images, by whatever way: from here, from their run's page, or before
    their run joined."""
    tested = {summary.id for summary in list_runs() if summary.test_accuracy is not None}
    return [find_run(trial) for trial in trials if trial.user_attrs.get("run_id") in tested]


def find_run(trial: FrozenTrial) -> BestTrial:
    try:
        run = open_run(str(trial.user_attrs.get("run_id") or ""))
        if damage := run.damage():
            raise DamagedRunError(damage)
        return BestTrial(trial.number, run)
    except RunNotFoundError:
        return BestTrial(trial.number, None, "its run was deleted")
    except DamagedRunError as error:
        return BestTrial(trial.number, None, f"its run cannot be read: {error}")


def name_trials(trials: Sequence[BestTrial]) -> str:
    """`trial 3`, `trials 3, 5 and 8`, `trials 3, 5, 8 and 12 more`."""
    numbers = [str(trial.number) for trial in trials]
    named = join_words(numbers) if len(numbers) <= MAX_NAMED else list_first(numbers, MAX_NAMED)
    return f"trial{'' if len(numbers) == 1 else 's'} {named}"


def measure_best(name: str) -> list[BestTrial]:
    """Tests the best trials that have not been tested yet; returns them all.

    Raises StudyError while the study searches, if it has no trial to test, or if one cannot be tested.
    """
    study = open_study(name)
    if study.summary().state == "running":
        raise StudyError("The study still searches: what is best is chosen before the test images are looked at.")
    best = list_best(study)
    if not best:
        raise StudyError("The study has no finished trial yet, so there is nothing to test.")
    problems = [f"Trial {trial.number} cannot be tested: {trial.reason}." for trial in best if trial.run is None]
    for trial in best:
        if trial.run is not None and trial.is_untested:
            try:
                measure_test(trial.run.id)
            except LauncherError as error:
                problems.append(f"Trial {trial.number} cannot be tested. {error}")
    if problems:
        raise StudyError(" ".join(problems))
    return best
