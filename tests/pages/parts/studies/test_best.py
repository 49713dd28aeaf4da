"""What nobody has looked at is said to be so, and one click looks at it."""

from __future__ import annotations

import pytest
from optuna.trial import create_trial

from core.compare.figures import BY_KEY
from core.compare.snapshot import look_at
from core.compare.table import make_cells
from core.compare.units import make_units
from core.compare.verdicts import judge_all
from core.runs.folder import Run
from core.studies.study import open_study
from core.system import files
from tests.pages.conftest import labels, press, texts
from tests.pages.sample_runs import add_checkpoint, make_run
from tests.pages.sample_studies import make_spec, make_study

REASON = "All epochs done. Test images not looked at: this run is a trial of study done."


def make_trial_run(name: str = "done 3") -> Run:
    """A run as a study's worker leaves it."""
    run = make_run(name=name, tags=("study:done",))
    end = {"state": "finished", "reason": REASON, "metrics": {"best/epoch": 2}}
    files.write_json(run.path / "end.json", end, sync=False)
    add_checkpoint(run)
    return run


def test_a_study_says_that_nobody_has_tested_its_best_and_does_so_on_a_click(
    open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("pages.parts.studies.best.measure_best", asked.append)
    make_study("done", run_id=make_trial_run().id)
    page = open_page("studies", name="done")
    assert "Trial 3 is the best on validation. No trial has looked at the test images." in texts(page)
    press(page, "Test trial 3")
    assert asked == ["done"]


def test_a_tested_best_tells_its_figures_with_images_and_weights(open_page) -> None:
    make_study("done", run_id=make_run(name="done 3").id)
    page = open_page("studies", name="done")
    told = "reaches 80.00 % ± 1.33 % on 900 test images with its last weights, 82.00 % ± 1.28 % with its best."
    assert told in texts(page)
    assert not any(label.startswith("Test trial") for label in labels(page))


def test_what_was_tested_stays_told_when_another_trial_is_the_best(open_page) -> None:
    tested, untested = make_run(name="done 3"), make_trial_run("done 12")
    make_study("done", run_id=tested.id)
    study = open_study("done")
    trial = study.frozen_trials()[3]
    study.optuna().add_trial(
        create_trial(
            value=0.1,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**trial.user_attrs, "run_id": untested.id},
        )
    )
    page = open_page("studies", name="done")
    assert "Trial 12 is the best on validation. Trial 12 has not looked at the test images." in texts(page)
    assert "Trial 3 reaches 80.00 % ± 1.33 % on 900 test images" in texts(page)
    assert "No trial has" not in texts(page)
    (offer,) = [button for button in page.button if button.label == "Test trial 12"]
    assert "Trial 3 did so before." in offer.help


def test_a_best_trial_whose_run_is_gone_says_so(open_page) -> None:
    make_study("done")
    page = open_page("studies", name="done")
    assert "Trial 3 is the best on validation; its run was deleted." in texts(page)
    assert not any(label.startswith("Test trial") for label in labels(page))


def test_the_front_of_a_study_of_several_objectives_is_tested_together(open_page) -> None:
    run = make_trial_run()
    make_study("front", spec=make_spec(objectives=["val/loss", "parameters"], pruner="none"), run_id=run.id)
    page = open_page("studies", name="front")
    assert texts(page).count("is the best on validation") == 2, "the lowest loss and the fewest parameters"
    assert "Test trial 3" in labels(page), "one of them has a run"


def test_the_page_of_an_untested_run_says_why_and_offers_the_test(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_trial_run()
    page = open_page("run", id=run.id, tab="Summary")
    assert REASON in texts(page)
    assert "test, 900 images, not looked at" in texts(page)
    started: list[str] = []
    monkeypatch.setattr("core.launch.launcher._start_process", lambda run: started.append(run.id) or 1)
    press(page, "Test")
    assert started == [run.id]


def test_a_tested_run_offers_no_second_look(open_page) -> None:
    assert "Test" not in labels(open_page("run", id=make_run().id))


def test_a_comparison_leaves_untested_figures_blank_with_the_reason() -> None:
    runs = look_at([make_run(name="ordinary").id, make_trial_run().id]).runs
    units = make_units(runs, fold=False)
    cells = make_cells(units, [BY_KEY["test/accuracy"], BY_KEY["val/accuracy"]], "best")[units[1]]
    assert (cells[0].text, cells[0].difference) == ("–", "not looked at")
    assert cells[1].text != "–"
    (verdict,) = judge_all(units, "last")
    assert any("its test images were not looked at" in remark for remark in verdict.remarks)
