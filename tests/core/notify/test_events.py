"""What is asked for is told, and nothing else."""

import pytest

from core.notify.events import EVENT_OF_STATE, EVENTS, is_wanted
from core.notify.settings import parse_settings, save_settings
from core.runs.records import ENDS


def test_every_end_of_a_run_is_an_event() -> None:
    assert set(ENDS) | {"interrupted"} == set(EVENT_OF_STATE)
    assert set(EVENT_OF_STATE.values()) | {"figure", "given_up"} == set(EVENTS)


def test_where_nothing_is_set_ends_and_failures_are_wanted_but_no_stop_and_no_trial() -> None:
    assert [event for event in EVENTS if is_wanted(event)] == ["finished", "failed", "given_up", "figure"]
    assert not is_wanted("finished", is_trial=True)


@pytest.mark.parametrize(("events", "trials"), [(["stopped"], False), ([], True), (["failed", "figure"], True)])
def test_only_what_was_chosen_is_wanted(events: list[str], trials: bool) -> None:
    save_settings(parse_settings({"events": events, "trials": trials}))
    assert [event for event in EVENTS if is_wanted(event)] == [event for event in EVENTS if event in events]
    assert is_wanted("failed", is_trial=True) == (trials and "failed" in events)
