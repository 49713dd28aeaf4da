"""Runs that will hardly be the best are named with what stopping saves; a click stops them, another resumes them."""

from contextlib import ExitStack

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.folder import Run
from core.system import files
from tests.core.forecast.test_stopping import make_half
from tests.pages.conftest import labels, press, texts
from tests.pages.sample_runs import training

SAID = "bad will hardly be the best of these 2. Stopping now saves about 1 min 15 s of training"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.forecast.peers.MAX_AGE", 0.0)
    monkeypatch.setattr("pages.parts.run.stopping.MAX_AGE", 0.0)


def end(run: Run) -> None:
    files.write_json(run.path / "end.json", {"state": "stopped", "reason": "Stopped on request."})


@pytest.mark.parametrize("where", ["runs", "compare", "run"])
def test_a_click_stops_them_and_another_resumes_them(open_page, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    good = make_half(0.9, name="good")
    bad = make_half(0.2, name="bad", settings=("train.epochs=30", "train.seed=1"))
    resumed: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(training(good))
        with training(bad):
            ids = {"runs": {}, "compare": {"ids": f"{good.id},{bad.id}"}, "run": {"id": good.id}}[where]
            page: AppTest = open_page(where, **ids)
            assert SAID in texts(page)
            press(page, "Stop it")
            assert bad.stop_requested
            assert not good.stop_requested
            assert "Stopping as suggested: bad." in texts(page)
            assert SAID not in texts(page)
            end(bad)
            (bad.path / "stop").unlink()
        page.run()
        assert "Stopped as suggested: bad." in texts(page)
        monkeypatch.setattr("core.launch.launcher._launch", lambda run: resumed.append(run.id))
        next(button for button in page.button if button.key and button.key.endswith(".resume")).click().run()
        assert resumed == [bad.id]


def test_what_was_stopped_can_be_left(open_page) -> None:
    good, bad = make_half(0.9, name="good"), make_half(0.2, name="bad")
    with training(good), training(bad):
        page = press(open_page("runs"), "Stop it")
        press(page, "Leave it")
        assert "as suggested" not in texts(page)


def test_where_nothing_trains_or_only_one_nothing_is_said(open_page) -> None:
    good, bad = make_half(0.9, name="good"), make_half(0.2, name="bad")
    assert "Stop it" not in labels(open_page("runs"))
    with training(bad):
        assert "Stop it" not in labels(open_page("runs"))
    assert good.state() == "interrupted"
