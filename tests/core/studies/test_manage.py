"""Studies without workers: made, listed, counted, joined, put into words; whatever Optuna is asked or told by hand."""

import math
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.parse import SpecError
from core.studies.manage import (
    create_study,
    delete_study,
    enqueue,
    extend_study,
    find_compatible,
    join_runs,
    set_workers,
    start_workers,
    stop_study,
)
from core.studies.samplers import make_distribution, suggest_values
from core.studies.spec import STUDY_PRESETS, StudySpec, parse_study, propose
from core.studies.storage import StudyError, folder_of
from core.studies.study import Study, StudyNotFoundError, list_studies, open_study
from core.studies.trials import CONSTRAINT, Tally, count_trials, fail_orphans, requeue, why_over
from core.system import processes
from tests.core.study_workers import LEARNING_RATE, tiny_study, write_ended_run
from tests.made_runs import create_run

HOST = processes.host_name()


@pytest.fixture
def lab(runs: Path) -> Path:
    return runs


def make(spec: StudySpec | None = None, name: str = "tiny") -> Study:
    create_study(name, spec or tiny_study(trials=5))
    return open_study(name)


def add(study: Study, state: TrialState = TrialState.COMPLETE, value: float | None = 1.0, **more: Any) -> None:
    """A trial as a worker would have left it."""
    spec = study.spec
    user = {"worker": {"host": HOST, "index": 0, "token": "gone"}, **more.pop("user_attrs", {})}
    params = more.pop("params", {"train.learning_rate": 0.01})
    trial = create_trial(
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        params=params,
        distributions={d.path: make_distribution(d) for d in spec.space if d.path in params},
        user_attrs=user,
        **more,
    )
    study.optuna().add_trial(trial)


def test_a_study_comes_back_from_the_storage_as_it_was_made(lab: Path) -> None:
    create_study("  the report  ", STUDY_PRESETS["report"])
    create_study("tiny / ü", tiny_study())
    assert [summary.name for summary in list_studies()] == ["tiny / ü", "the report"]
    assert open_study("the report").spec == STUDY_PRESETS["report"]
    summary = list_studies()[1]
    assert (summary.state, summary.total, summary.done, summary.best_value) == ("empty", 20, 0, None)
    assert abs(summary.created - time.time()) < 60
    assert open_study("tiny / ü").folder.parent == lab / ".studies"
    assert open_study("the report").optuna().metric_names == ["Validation loss"], "what optuna-dashboard calls it"
    delete_study("tiny / ü")
    assert [summary.name for summary in list_studies()] == ["the report"]
    assert not folder_of("tiny / ü").exists()


def test_a_look_at_the_studies_makes_no_storage(lab: Path) -> None:
    assert list_studies() == []
    assert list(lab.iterdir()) == []


def test_a_name_that_is_taken_or_impossible_loses_nothing(lab: Path) -> None:
    study = make()
    enqueue("tiny", study.spec.base)
    for name, problem in (("tiny", "already"), (" ", "1 to 50"), ("x" * 51, "1 to 50"), ("a\nb", "control")):
        with pytest.raises(StudyError, match=problem):
            create_study(name, tiny_study(trials=9))
    assert open_study("tiny").spec == study.spec
    assert len(study.trials()) == 1
    with pytest.raises(StudyNotFoundError, match="There is no study 'other'"):
        open_study("other")


def test_a_study_that_a_crash_left_half_made_does_not_keep_its_name(lab: Path) -> None:
    make()
    optuna.create_study(storage=open_study("tiny")._storage, study_name="half", directions=["maximize"])
    assert [summary.name for summary in list_studies()] == ["tiny"], "a study of somebody else's is none of ours"
    create_study("half", tiny_study())
    assert open_study("half").optuna().direction == optuna.study.StudyDirection.MINIMIZE


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql+psycopg://lab:secret@127.0.0.1:1/x", "127.0.0.1"),
        ("nonsense", "RESNET_LAB_STORAGE is no URL"),
        ("delphi://x", "SQLAlchemy knows no such database"),
        ("sqlite:////nowhere/at/all/studies.db", "unable to open database file"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_told_without_its_password(
    lab: Path, monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    monkeypatch.setenv("RESNET_LAB_STORAGE", url)
    for ask in (list_studies, lambda: open_study("x"), lambda: create_study("x", tiny_study())):
        with pytest.raises(StudyError, match=problem) as caught:
            ask()
        assert "secret" not in str(caught.value)


def test_every_state_of_a_trial_has_its_word_and_its_place_in_the_summary(lab: Path) -> None:
    study = make(tiny_study(LEARNING_RATE, {"path": "model.pool_size", "choices": [4, 8]}, trials=9))
    add(study, value=0.5, user_attrs={"run_id": "r", "parameters": 7})
    add(study, value=math.inf, constraints={CONSTRAINT: 1.0}, user_attrs={"reason": "too large"})
    add(study, TrialState.PRUNED, user_attrs={"reason": "hopeless"})
    add(study, TrialState.FAIL)
    add(study, TrialState.RUNNING)
    add(study, TrialState.RUNNING, user_attrs={"worker": {"host": "elsewhere", "index": 0, "token": "x"}})
    add(study, value=0.7, user_attrs={"joined": True})
    enqueue("tiny", study.spec.base)
    trials = study.trials()
    states = ["finished", "infeasible", "pruned", "failed", "interrupted", "running", "finished", "waiting"]
    assert trials.state.tolist() == states
    assert trials.value.dropna().tolist() == [0.5, 0.7], "an infeasible network has no value"
    assert trials.loc[0, ["run_id", "parameters", "params.train.learning_rate"]].tolist() == ["r", 7, 0.01]
    assert trials.reason[1] == "too large"
    assert trials["params.model.pool_size"].tolist()[-1] == 8, "what is queued shows its values"
    summary = study.summary()
    assert (summary.done, summary.infeasible, summary.pruned, summary.failed) == (2, 1, 1, 1)
    assert (summary.running, summary.waiting, summary.total, summary.best_value) == (1, 1, 10, 0.5)
    assert summary.state == "running", "a trial trains on another machine"


def test_nothing_is_called_done_while_the_last_trial_still_trains(lab: Path) -> None:
    study = make(tiny_study(trials=2))
    add(study)
    add(study, TrialState.RUNNING, user_attrs={"worker": {"host": "elsewhere", "index": 0, "token": "x"}})
    assert (study.summary().state, study.summary().reason) == ("running", "")
    study.optuna().tell(1, 0.5)
    assert (study.summary().state, study.summary().reason) == ("finished", "All 2 trials are done.")


def test_the_best_value_is_the_highest_accuracy(lab: Path) -> None:
    study = make(tiny_study(objectives=["val/accuracy"]))
    add(study, value=0.5)
    add(study, value=0.75)
    assert study.summary().best_value == 0.75


def tally(minutes: float = 0.0, joined: int = 0, **states: int) -> Tally:
    return Tally(Counter(states), joined, minutes)  # type: ignore[arg-type]


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
        ({"trials": 9, "grid": 6, "seen": 6}, tally(finished=5, pruned=1), "All 6 points of the grid are done."),
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


def finished_run(spec: RunSpec, losses: tuple[float, ...] = (0.9, 0.7, 0.8)) -> str:
    run_id = create_run(spec)
    write_ended_run(open_run(run_id).path, losses)
    return run_id


def test_runs_that_stand_in_the_space_join_once_with_all_their_epochs(lab: Path) -> None:
    channels = {"path": "model.layers[*].channels", "low": 2, "high": 16}
    study = make(tiny_study(LEARNING_RATE, channels, trials=3))
    good = [finished_run(propose(study.spec, {"train.learning_rate": rate, "train.seed": 7})) for rate in (0.01, 0.02)]
    outside = finished_run(propose(study.spec, {"train.learning_rate": 0.5}))
    other = finished_run(propose(study.spec, {"train.epochs": 2}))
    unfinished = create_run(study.spec.base)
    assert {summary.id for summary in find_compatible("tiny")} == set(good)
    assert join_runs("tiny", [*good, outside, other, unfinished]) == 2
    assert join_runs("tiny", good) == 0
    assert find_compatible("tiny") == []

    trials = study.trials()
    assert trials.state.tolist() == ["finished"] * 2
    assert trials.value.tolist() == [0.7, 0.7]
    assert trials.run_id.tolist() == good
    assert trials["params.train.learning_rate"].tolist() == [0.01, 0.02]
    assert study.frozen_trials()[0].intermediate_values == {1: 0.9, 2: 0.7, 3: 0.8}
    assert count_trials("tiny", study.frozen_trials()).taken == 0, "they come on top of the study's own trials"
    for run_id, reason in (
        (outside, "outside of the study's space"),
        (other, "train.epochs"),
        (unfinished, "only finished"),
    ):
        with pytest.raises(SpecError, match=reason):
            join_runs("tiny", [run_id])


def test_a_spec_from_the_form_becomes_the_next_trial_if_it_belongs_to_the_space(lab: Path) -> None:
    study = make()
    enqueue("tiny", propose(study.spec, {"train.learning_rate": 0.02}))
    assert study.trials().loc[0, ["state", "params.train.learning_rate"]].tolist() == ["waiting", 0.02]
    with pytest.raises(SpecError, match=r"train\.learning_rate = 0\.5: is outside of the study's space"):
        enqueue("tiny", propose(study.spec, {"train.learning_rate": 0.5}))
    with pytest.raises(SpecError, match=r"train\.epochs = 9: is 1 in the study, which does not search it"):
        enqueue("tiny", propose(study.spec, {"train.epochs": 9}))
    assert len(study.trials()) == 1


def searched_study(trials: int = 30) -> Study:
    """A study whose loss depends on the learning rate, best near 0.01, and on nothing else."""
    space = [
        LEARNING_RATE,
        {"path": "model.layers[*].channels", "low": 2, "high": 16, "step": 2},
        {"path": "train.optimizer", "choices": ["sgd", "adam"]},
        {"path": "model.layers", "low": 1, "high": 3},
    ]
    study = make(tiny_study(*space, trials=trials, sampler="random"))
    sampler = optuna.samplers.RandomSampler(seed=3)
    drawn = optuna.create_study(sampler=sampler)
    for _ in range(trials):
        params = suggest_values(drawn.ask(), study.spec)
        rate = float(params["train.learning_rate"])
        add(study, value=abs(math.log10(rate) + 2) + 2 * (params["train.optimizer"] == "sgd"), params=params)
    add(study, value=math.inf, constraints={CONSTRAINT: 1.0}, params=params)
    return study


def test_the_words_name_what_mattered_and_where_the_best_trials_lie(lab: Path) -> None:
    study = searched_study()
    first, second = study.words()
    assert first in (
        "What mattered most for the validation loss: learning rate and optimizer.",
        "What mattered most for the validation loss: optimizer and learning rate.",
    )
    assert second.startswith("The best 6 of 30 trials have ")
    assert "optimizer adam" in second
    assert "learning rate 0.00" in second


def test_too_few_trials_say_so(lab: Path) -> None:
    study = make()
    assert study.words() == ["0 of the 10 finished trials that a first conclusion needs."]
    with pytest.raises(StudyError, match="needs 10 finished trials"):
        study.narrow()


def test_the_narrowed_study_lies_in_the_old_space_and_holds_its_best_trials(lab: Path) -> None:
    study = searched_study()
    narrowed = study.narrow()
    before = {dimension.path: dimension for dimension in study.spec.space}
    rate = next(dimension for dimension in narrowed.space if dimension.path == "train.learning_rate")
    assert (before["train.learning_rate"].low or 0) <= (rate.low or 0) < 0.01 < (rate.high or 0)
    assert (rate.high or 0) / (rate.low or 1) < 300 < 1000, "three decades became fewer"
    assert narrowed.base.train.optimizer == "adam", "all of the best agree"
    assert "train.optimizer" not in [dimension.path for dimension in narrowed.space]
    assert narrowed.seed != study.spec.seed
    best = study.trials().query("state == 'finished'").nsmallest(6, "value")
    for dimension in narrowed.space:
        for value in best[f"params.{dimension.path}"]:
            assert (dimension.low or 0) <= value <= (dimension.high or 0)
            assert dimension.values() is None or value in list(dimension.values() or ())
    create_study("next", narrowed)


def test_limits_can_be_raised_but_not_to_nothing(lab: Path) -> None:
    make()
    extend_study("tiny", trials=50, minutes=5.0)
    spec = open_study("tiny").spec
    assert (spec.trials, spec.minutes) == (50, 5.0)
    with pytest.raises(SpecError, match="trials = 0"):
        extend_study("tiny", trials=0, minutes=0.0)


def test_workers_are_refused_where_nothing_could_train(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LAB_DEVICES", "cpu")
    data = {"data": {"dataset": "cifar10"}, "train": {"device": "cpu"}}
    make(parse_study({"base": data, "space": [LEARNING_RATE]}), "images")
    with pytest.raises(StudyError, match="CIFAR-10 is not on this machine yet"):
        start_workers("images")
    make(parse_study({"base": {"train": {"device": "cuda:7"}}, "space": [LEARNING_RATE]}), "device")
    with pytest.raises(StudyError, match=r"train\.device = cuda:7: this machine has cpu"):
        start_workers("device")
    make()
    for count in (-1, 65):
        with pytest.raises(StudyError, match="workers = "):
            set_workers("tiny", count)
    for act in (start_workers, stop_study, delete_study):
        with pytest.raises(StudyNotFoundError):
            act("other")
