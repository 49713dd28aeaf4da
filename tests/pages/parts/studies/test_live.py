"""One study's counts are those of its trials."""

from __future__ import annotations

from tests.pages.conftest import labels, texts
from tests.pages.sample_studies import make_spec, make_study


def test_a_study_without_trials_says_what_to_do_next(open_page) -> None:
    make_study("young", 0, make_spec())
    page = open_page("studies", name="young")
    assert "Start it" in texts(page)
    assert "Start" in labels(page)


def test_one_trial_is_one_trial_and_a_number_of_none_shows_none(open_page) -> None:
    make_study("one", 1)
    for trial in ("7", "9" * 5000):
        text = texts(open_page("studies", name="one", trial=trial))
        assert "<b>1</b> of 1 trial ·" in text
        assert "<b>Trial " not in text


def test_counts_and_best_are_those_of_the_trials(open_page) -> None:
    make_study("done")
    text = texts(open_page("studies", name="done"))
    assert "<b>11</b> of 12 trials" in text
    assert "best <b>0.2000</b>" in text
    assert "2 pruned" in text
    assert "1 infeasible" in text
