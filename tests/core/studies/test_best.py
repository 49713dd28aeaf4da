"""Validation chooses among the trials, and only the chosen one looks at the test images."""

from pathlib import Path

import numpy as np
import pytest

from core.launch.launcher import LauncherError, measure_test, start_run
from core.runs.store import open_run
from core.studies import manage as studies
from core.studies.best import BestTrial, list_best, list_tested, measure_best, name_trials
from core.studies.manage import start_workers
from core.studies.storage import StudyError
from tests.core import study_workers
from tests.core.study_workers import logs_of, make_study, tiny_study, wait_for_end
from tests.core.workers import wait_for_state


@pytest.fixture
def lab(quick_workers: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workers are forked; returns the runs folder."""
    monkeypatch.setattr(studies, "start_process", study_workers.start_module)
    return quick_workers


def test_no_trial_looks_at_the_test_images_until_the_best_is_chosen(lab: Path) -> None:
    study = make_study(tiny_study(trials=4, train={"epochs": 2}))
    assert list_tested(study.frozen_trials()) == []
    with pytest.raises(StudyError, match="nothing to test"):
        measure_best("tiny")
    start_workers("tiny")
    wait_for_end(study)

    runs = [open_run(run_id) for run_id in study.trials().run_id]
    for run in runs:
        summary = run.summary()
        assert (summary.state, summary.is_untested) == ("finished", True), logs_of(study)
        assert summary.reason == "All epochs done. Test images not looked at: this run is a trial of study tiny."
        assert run.predictions("test_last") is None
        assert run.predictions("val_best") is not None
    chosen = study.trials().sort_values("value").iloc[0]
    (best,) = measure_best("tiny")
    assert best.number == chosen.number
    run = open_run(chosen.run_id)
    wait_for_state(run, "finished")
    assert [trial.number for trial in list_tested(study.frozen_trials())] == [chosen.number]
    assert [run.id for run in runs if not run.summary().is_untested] == [chosen.run_id]
    assert len(run.rows()) == 2, "nothing was trained again"

    # The same figures as if it had looked at its end.
    ordinary = open_run(start_run(run.spec))
    wait_for_state(ordinary, "finished")
    figures, told = run.end()["metrics"], ordinary.end()["metrics"]
    assert {key: figures[key] for key in figures if key != "train_seconds"} == {
        key: told[key] for key in told if key != "train_seconds"
    }
    assert np.array_equal(run.predictions("test_best"), ordinary.predictions("test_best"))
    assert run.summary().reason == "All epochs done."


def test_the_test_images_are_looked_at_once(lab: Path) -> None:
    study = make_study(tiny_study(trials=1))
    start_workers("tiny")
    wait_for_end(study)
    (best,) = measure_best("tiny")
    wait_for_state(best.run, "finished")
    ended = best.run.end()["ended"]
    assert [trial.is_untested for trial in measure_best("tiny")] == [False]
    assert best.run.end()["ended"] == ended
    with pytest.raises(LauncherError, match="looked at its test images already"):
        measure_test(best.run.id)


def test_a_study_that_searches_is_not_tested(lab: Path) -> None:
    study = make_study(tiny_study(trials=1, train={"epochs": 10_000}))
    start_workers("tiny")
    with pytest.raises(StudyError, match="still searches"):
        measure_best("tiny")
    studies.stop_study("tiny", now=True)
    wait_for_end(study)


def test_what_cannot_be_tested_says_why_and_stays_as_it_is(lab: Path) -> None:
    study = make_study(tiny_study(trials=1))
    start_workers("tiny")
    wait_for_end(study)
    (best,) = list_best(study)
    for path in (best.run.path / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(StudyError, match="no weights to test"):
        measure_best("tiny")
    assert best.run.state() == "finished"
    studies.delete_study("tiny")


def test_the_trials_of_the_pareto_front_are_all_tested(lab: Path) -> None:
    channels = {"path": "model.layers[*].channels", "low": 2, "high": 16}
    spec = tiny_study(channels, trials=5, objectives=["val/loss", "parameters"])
    study = make_study(spec)
    start_workers("tiny")
    wait_for_end(study)
    best = measure_best("tiny")
    assert {trial.number for trial in best} == {trial.number for trial in study.optuna().best_trials}
    for trial in best:
        wait_for_state(trial.run, "finished")
        assert not trial.is_untested


def test_trials_are_named_in_an_offer() -> None:
    trials = [BestTrial(number, None) for number in range(6)]
    assert name_trials(trials[3:4]) == "trial 3"
    assert name_trials(trials[:3]) == "trials 0, 1 and 2"
    assert name_trials(trials) == "trials 0, 1, 2, 3 and 2 more"
