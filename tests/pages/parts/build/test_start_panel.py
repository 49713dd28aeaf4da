"""One visit starts one run; a missing data set is offered first."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.listing import list_runs
from pages.parts.build.start_panel import read_tags
from tests.pages.build_page import (
    key_of,
    set_number,
)
from tests.pages.conftest import labels, press, texts

OpenPage = Callable[..., AppTest]


@pytest.mark.usefixtures("started")
def test_start_makes_one_run_of_the_spec_shown(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    switched = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, **kwargs: switched.append((page, kwargs)))
    page = open_page("build")
    set_number(page, key_of(page, "train.epochs"), 3)
    page.text_input(key="build.name").set_value("  my net ").run()
    for _ in range(3):
        press(page, "Start")
    runs = list_runs()
    assert [(run.name, run.epochs) for run in runs] == [("my net", 3)]
    assert switched[0] == ("run.py", {"query_params": {"id": runs[0].id, "tab": "Charts"}})


def test_a_data_set_that_is_not_here_is_offered_for_download(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    assert "Start" not in labels(page)
    assert "Download (170 MB)" in labels(page)
    assert "CIFAR-10 is not on this machine yet." in texts(page)


def test_an_image_folder_without_a_path_offers_no_download(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    page.selectbox(key=key_of(page, "data.dataset")).select("folder").run()
    assert not any(label.startswith("Download") for label in labels(page))
    assert "Fix these first: Folder." in texts(page)
    page.selectbox(key=key_of(page, "data.dataset")).select("cifar10").run()
    assert "Download (170 MB)" in labels(page)


def test_tags_are_read_each_once() -> None:
    assert read_tags(" se, baseline,,se ") == ("se", "baseline")
