"""optuna-dashboard names no trial the best that is over the budget."""

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from core.studies.shown import show_infeasible
from core.studies.storage import open_storage
from core.studies.study import Study
from core.studies.trials import CONSTRAINT
from tests.core.studies.made_studies import add, make
from tests.core.study_workers import tiny_study


def ask_dashboard(study: Study) -> dict[str, Any]:
    """What optuna-dashboard itself tells of a study."""
    wsgi = pytest.importorskip("optuna_dashboard").wsgi
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": f"/api/studies/{study.optuna()._study_id}", "QUERY_STRING": ""}
    environ |= {"SERVER_NAME": "here", "SERVER_PORT": "80", "wsgi.url_scheme": "http"}
    status: list[str] = []
    streams = {"wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO()}
    app = wsgi(show_infeasible(open_storage()))
    body = b"".join(app({**environ, **streams}, lambda line, *_: status.append(line)))
    assert status == ["200 OK"], body
    told: dict[str, Any] = json.loads(body)
    return told


def add_infeasible(study: Study) -> None:
    add(study, value=math.inf, constraints={CONSTRAINT: 1.0})


def test_where_a_feasible_trial_is_there_it_is_the_best_and_the_others_are_infeasible(lab: Path) -> None:
    study = make()
    add_infeasible(study)
    add(study, value=0.5)
    add(study, value=0.7)
    told = ask_dashboard(study)
    assert [trial["number"] for trial in told["best_trials"]] == [1]
    assert [(trial["state"], trial["constraints"]) for trial in told["trials"]] == [
        ("Complete", [1.0]), ("Complete", []), ("Complete", []),
    ]  # fmt: skip


@pytest.mark.parametrize("objectives", [["val/loss"], ["val/loss", "parameters"]])
def test_where_every_trial_is_infeasible_none_is_the_best(lab: Path, objectives: list[str]) -> None:
    study = make(tiny_study(objectives=objectives))
    for _ in range(2):
        if len(objectives) == 1:
            add_infeasible(study)
        else:
            trial = study.optuna().ask({})
            trial.set_constraint(CONSTRAINT, 1.0)
            study.optuna().tell(trial, [math.inf] * 2)
    assert ask_dashboard(study)["best_trials"] == []


def test_nothing_of_it_is_stored(lab: Path) -> None:
    study = make()
    add_infeasible(study)
    shown = show_infeasible(open_storage()).get_all_trials(study.optuna()._study_id)
    assert (shown[0].state, shown[0].system_attrs["constraints"]) == (TrialState.PRUNED, [1.0])
    (kept,) = study.frozen_trials()
    assert (kept.state, kept.constraints) == (TrialState.COMPLETE, {CONSTRAINT: 1.0})
