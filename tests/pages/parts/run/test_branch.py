"""From a run's page to a branch of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import labels, press, texts
from tests.pages.sample_runs import add_checkpoint, make_run

OpenPage = Callable[..., AppTest]


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """Where the page leads to."""
    found: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: found.append((page, query_params)))
    return found


def test_branch_leads_to_build_with_the_newest_kept_epoch(open_page: OpenPage, switched: list) -> None:
    run = make_run()
    add_checkpoint(run, epoch=4)
    press(open_page("run", id=run.id), "Branch")
    assert switched == [("build.py", {"branch": f"{run.id}@4"})]


def test_each_checkpoint_can_be_branched_off_from(open_page: OpenPage, switched: list) -> None:
    run = make_run()
    add_checkpoint(run, epoch=4)
    press(open_page("run", id=run.id, tab="Checkpoints"), "Branch from epoch 4")
    assert switched == [("build.py", {"branch": f"{run.id}@4"})]


def test_a_run_without_checkpoints_says_so(open_page: OpenPage) -> None:
    run = make_run(name="bare")
    page = press(open_page("run", id=run.id), "Branch")
    assert "Nothing can branch off from bare: its checkpoints are gone." in texts(page)
    assert "Branch" in labels(page)
