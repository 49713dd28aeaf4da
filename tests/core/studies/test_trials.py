"""Trials are counted exactly, whoever was killed meanwhile."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.studies.trials import Tally, count_trials, fail_orphans, moments_of, requeue, why_over
from tests.core.studies.made_studies import HOST, add, make
from tests.core.study_workers import tiny_study


def tally(minutes: float = 0.0, joined: int = 0, grid_points: int = 0, **states: int) -> Tally:
    return Tally(Counter(states), joined, minutes, grid_points)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "counted", "over"),
    [
        ({"trials": 5}, tally(finished=2, pruned=1, failed=1), ""),
        ({"trials": 5}, tally(finished=2, pruned=1, failed=1, running=1), "All 5 trials are done."),
        ({"trials": 5}, tally(finished=4, infeasible=50, retried=3, void=2), ""),
        ({"trials": 5}, tally(finished=5, waiting=1), ""),
        ({"trials": 5}, tally(finished=7, joined=3), ""),
        ({"trials": 5}, tally(finished=1, infeasible=351), "351 proposals were over budget or could not be built."),
        ({"trials": 0, "minutes": 2}, tally(1.9, finished=50), ""),
        ({"trials": 0, "minutes": 2}, tally(2.0, finished=50), "The time limit of 2 minutes is reached."),
        ({"trials": 9, "grid": 6}, tally(grid_points=6, finished=5, pruned=1), "All 6 points of the grid are done."),
        ({"trials": 9, "grid": 6}, tally(grid_points=6, infeasible=6), "All 6 points of the grid are done; 6"),
    ],
)  # fmt: skip
def test_a_study_is_over_when_its_trials_its_time_or_its_space_are_used_up(
    limits: dict[str, Any], counted: Tally, over: str
) -> None:
    assert why_over(**{"minutes": 0.0, **limits}, tally=counted).startswith(over)
    assert bool(why_over(**{"minutes": 0.0, **limits}, tally=counted)) == bool(over)


def spanned(start: float, end: float | None, **user_attrs: Any) -> FrozenTrial:
    moment = datetime(2026, 1, 1)
    trial = create_trial(state=TrialState.COMPLETE, value=0.0, user_attrs={"worker": {}, **user_attrs})
    trial.datetime_start = moment + timedelta(minutes=start)
    trial.datetime_complete = None if end is None else moment + timedelta(minutes=end)
    return trial


def test_the_time_limit_counts_the_minutes_in_which_something_trained() -> None:
    killed = spanned(300, 900, ended=(datetime(2026, 1, 1) + timedelta(minutes=305)).timestamp())
    together = [spanned(0, 10), spanned(5, 12), spanned(6, 7), killed]
    assert count_trials("x", together).minutes == pytest.approx(12 + 5)
    assert count_trials("x", [create_trial(state=TrialState.COMPLETE, value=0.0)]).minutes == 0, "joined, not trained"


def test_the_wait_for_a_device_is_no_part_of_a_trials_time() -> None:
    first = datetime(2026, 1, 1)
    began = first + timedelta(minutes=30)
    waited, never = spanned(0, 40, begun=began.timestamp()), spanned(0, 40, begun=None)
    assert moments_of(waited) == (began.timestamp(), (first + timedelta(minutes=40)).timestamp())
    assert moments_of(never)[0] is None
    assert moments_of(spanned(0, 40))[0] == first.timestamp(), "older versions did not note it"
    assert count_trials("x", [waited, never]).minutes == pytest.approx(10)


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 100)), max_size=12))
def test_minutes_of_work_are_at_most_their_sum_and_at_least_the_longest(spans: list[tuple[float, float]]) -> None:
    minutes = count_trials("x", [spanned(start, start + length) for start, length in spans]).minutes
    lengths = [length for _, length in spans]
    assert max(lengths, default=0) - 1e-3 <= minutes <= sum(lengths) + 1e-3


def test_a_trial_whose_worker_is_gone_is_queued_again_once_and_counts_once(lab: Path) -> None:
    study = make(tiny_study(trials=2))
    add(study, TrialState.RUNNING, user_attrs={"run_id": "a"})
    assert fail_orphans(study.optuna(), "tiny") == 1
    assert study.trials().state.tolist() == ["retried", "waiting"]
    assert study.trials().run_id.tolist() == ["a", ""]
    inner, storage = study.optuna(), study._storage
    retry = inner.get_trials(states=(TrialState.WAITING,))[0]
    storage.set_trial_state_values(retry._trial_id, TrialState.RUNNING)
    storage.set_trial_user_attr(retry._trial_id, "worker", {"host": HOST, "index": 1, "token": "gone too"})
    assert fail_orphans(inner, "tiny") == 1
    assert fail_orphans(inner, "tiny") == 0
    assert study.trials().state.tolist() == ["retried", "failed"]
    assert count_trials("tiny", study.frozen_trials()).taken == 1


def test_a_trial_that_was_never_begun_takes_no_place(lab: Path) -> None:
    study = make()
    with pytest.warns(UserWarning, match="Heartbeat"):
        study.optuna().ask()
    assert fail_orphans(study.optuna(), "tiny") == 1
    assert study.trials().state.tolist() == ["void"]
    assert count_trials("tiny", study.frozen_trials()).taken == 0


def test_one_trial_is_queued_again_only_once(lab: Path) -> None:
    study = make()
    add(study, TrialState.RUNNING)
    trial = study.frozen_trials()[0]
    requeue(study.optuna(), trial)
    requeue(study.optuna(), trial)
    assert study.trials().state.tolist() == ["interrupted", "waiting"]


@pytest.mark.parametrize(("resumes", "kept"), [(True, {"completed_rung_0"}), (False, set())])
def test_a_training_from_the_beginning_comes_to_its_rungs_again(lab: Path, resumes: bool, kept: set[str]) -> None:
    study = make()
    add(study, TrialState.RUNNING, user_attrs={"run_id": "a"}, system_attrs={"completed_rung_0": 0.5})
    requeue(study.optuna(), study.frozen_trials()[0], resumes=resumes)
    attributes = study.frozen_trials()[1].system_attrs
    assert {name for name in attributes if name.startswith("completed_rung_")} == kept
