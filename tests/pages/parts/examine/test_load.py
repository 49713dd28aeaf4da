"""Predictions are read or made anew, and never looked at before their time."""

import shutil
from concurrent.futures import Future
from typing import Any

import pytest

from core.examine.predicting import Prediction
from core.helper.questions import QuestionError
from tests.examined import make_examined
from tests.pages.conftest import texts
from tests.pages.examine_page import asked, matrix_of
from tests.pages.sample_runs import add_checkpoint


def test_test_images_stay_closed_after_validation_was_predicted(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    shutil.rmtree(run.path / "predictions")
    open_page("examine", id=run.id)
    page = open_page("examine", id=run.id, split="test")
    assert "looked at once" in texts(page)
    assert {question["part"] for question in asked("predict")} == {"val"}


def test_an_interrupted_run_is_predicted_from_its_checkpoint(open_page) -> None:
    run = make_examined("interrupted")
    sha256 = add_checkpoint(run)
    page = open_page("examine", id=run.id)
    assert "predicted now from the checkpoint" in texts(page)
    assert {question["weights"].sha256 for question in asked("predict")} == {sha256}


def test_while_weights_predict_the_page_says_how_far(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_examined("interrupted")
    add_checkpoint(run)
    monkeypatch.setattr(Prediction, "_ask", lambda self: None)
    text = texts(open_page("examine", id=run.id))
    assert "Predicting with these weights" in text
    assert "Shown as soon as there are predictions" in text


def test_weights_that_cannot_be_asked_leave_a_sentence_and_the_rest(open_page, monkeypatch) -> None:
    run = make_examined("interrupted")
    add_checkpoint(run)

    def refuse(target: str, **question: Any) -> Future:
        future: Future = Future()
        future.set_exception(QuestionError("The checkpoint last.safetensors is damaged."))
        return future

    monkeypatch.setattr("core.examine.predicting.call", refuse)
    page = open_page("examine", id=run.id, tab="History")
    assert "The checkpoint last.safetensors is damaged." in texts(page)
    assert matrix_of(page)["counts"]
