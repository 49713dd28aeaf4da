"""A study is read again only where it has moved on."""

from __future__ import annotations

from core.studies.charts.axes import StudyView
from core.studies.study import open_study
from pages.parts.studies.look import draw, look_at, recall
from tests.pages.sample_studies import add_trial, make_study


def test_a_study_that_stands_still_is_read_once_for_all() -> None:
    make_study("still")
    look = look_at(open_study("still"))
    assert look_at(open_study("still")) is look
    drawing = draw(look, "History", StudyView())
    assert draw(look, "History", StudyView()) is drawing
    assert draw(look, "History", StudyView(log=True)) is not drawing


def test_another_trial_makes_everything_anew() -> None:
    make_study("moves")
    before = look_at(open_study("moves"))
    recall(before, ("finished", "words"), lambda: ["kept"])
    add_trial("moves")
    after = look_at(open_study("moves"))
    assert (len(after.trials), after.finished) == (len(before.trials) + 1, before.finished + 1)
    assert after.made == {}
