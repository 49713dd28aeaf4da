"""What can be done to a run is offered, and done."""

import pytest

from tests.pages.conftest import labels, press, texts
from tests.pages.sample_runs import make_run, training


def test_actions_reach_all_selected_runs_they_fit(open_page) -> None:
    runs = [make_run(name=name) for name in ("a", "b")]
    running = make_run(epochs_done=1, name="c")
    with training(running):
        page = open_page("runs", select=",".join(run.id for run in [*runs, running]))
        assert "Stop 1" in labels(page)
        press(page, "Stop 1")
        assert running.stop_requested
        press(page, "Archive")
    assert all(run.about.archived for run in [*runs, running])


@pytest.mark.parametrize(
    ("state", "offered"),
    [("finished", []), ("stopped", ["Resume"]), ("interrupted", ["Resume"]), ("failed", ["Resume"]), ("pruned", [])],
)
def test_only_what_can_be_done_is_offered(open_page, state: str, offered: list[str]) -> None:
    shown = [label for label in labels(open_page("run", id=make_run(state).id)) if not label.startswith("Clone with")]
    assert shown == [*offered, "Clone", "Branch", "Examine", "Compare", "Archive", "Delete"]


def test_stop_asks_first_and_kills_only_when_pressed_again(open_page) -> None:
    run = make_run(epochs_done=2)
    with training(run):
        page = open_page("run", id=run.id)
        assert "Running" in texts(page)
        press(page, "Stop")
        assert run.stop_requested
        shown = {button.label: button.disabled for button in page.button}
        # A double click meets a button that does nothing.
        assert list(shown)[:2] == ["Stopping", "Stop now"]
        assert shown["Stopping"]


def test_archive_and_restore(open_page) -> None:
    run = make_run()
    page = press(open_page("run", id=run.id), "Archive")
    assert run.about.archived
    press(page, "Restore")
    assert not run.about.archived
