"""Every trial is in the table and leads to its run and to Build."""

from __future__ import annotations

from core.spec.link import from_link, to_link
from core.studies.spec import propose
from core.studies.study import open_study
from tests.pages.conftest import press, texts
from tests.pages.sample_runs import make_run
from tests.pages.sample_studies import make_study
from tests.pages.studies_page import rows


def test_a_trial_of_the_address_is_shown_with_the_way_to_build(open_page, switched: list) -> None:
    spec = make_study("done")
    page = open_page("studies", name="done", trial="3")
    assert "<b>Trial 3</b> · Validation loss 0.2000" in texts(page)
    press(page, "Open in Build")
    trial = open_study("done").frozen_trials()[3]
    assert switched[0][0] == "build.py"
    assert from_link(switched[0][1]["spec"]) == propose(spec, trial.params)


def test_a_trial_with_a_run_leads_to_it(open_page, switched: list) -> None:
    run = make_run(name="of the study")
    make_study("done", run_id=run.id)
    page = open_page("studies", name="done", trial="3")
    found = {row["name"]: row for row in rows(page)}
    assert found["Trial 3"]["links"] == {"run": f"run?id={run.id}"}
    assert found["Trial 2"]["links"] == {}
    press(page, "Open run")
    press(page, "Open in Build")
    assert switched == [("run.py", {"id": run.id}), ("build.py", {"spec": to_link(run.spec)})]


def test_an_infeasible_trial_keeps_its_reason(open_page) -> None:
    make_study("done")
    assert "over the budget" in texts(open_page("studies", name="done", trial="11"))
    row = next(row for row in rows(open_page("studies", name="done")) if row["name"] == "Trial 11")
    assert row["state"]["label"] == "Infeasible"
    assert row["cells"]["value0"] == "–"


def test_trials_are_sorted_by_any_column_and_those_without_a_value_come_last(open_page) -> None:
    make_study("done")
    names = [row["name"] for row in rows(open_page("studies", name="done", sort="value0"))]
    assert names[0] == "Trial 3"
    assert names[-1] == "Trial 11"
    names = [row["name"] for row in rows(open_page("studies", name="done", sort="-value0"))]
    assert names[-1] == "Trial 11"
    assert rows(open_page("studies", name="done"))[0]["name"] == "Trial 11"
