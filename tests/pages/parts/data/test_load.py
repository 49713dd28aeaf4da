"""A survey is kept open as long as the set stays as it is, and made in the background."""

from concurrent.futures import Future
from pathlib import Path

import pytest

from core.data.store import DataError
from core.data.survey_queue import Progress
from core.spec import DataSpec
from pages.parts.data import load
from tests.pages.conftest import texts
from tests.pages.parts.data.conftest import address, settle


class Asked:
    def __init__(self, future: Future[None]) -> None:
        self.future = future

    def ask(self, spec: DataSpec) -> Future[None]:
        return self.future

    def forget(self, spec: DataSpec) -> None:
        pass


def test_how_far_it_is_is_told(open_page, folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SURVEYS", Asked(Future()))
    monkeypatch.setattr(load, "read_progress", lambda spec: Progress("Decoding the images", 5, 20))
    page = open_page("data", **address(folder))
    (bar,) = page.get("progress")
    assert (bar.proto.text, bar.proto.value) == ("Decoding the images: 5 of 20", 25)


def test_why_it_failed_is_told(open_page, folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    future: Future[None] = Future()
    future.set_exception(DataError("The disk is full."))
    monkeypatch.setattr(load, "SURVEYS", Asked(future))
    assert "The disk is full." in texts(open_page("data", **address(folder)))


def test_an_open_survey_is_read_again_when_the_folder_changes(open_page, folder: DataSpec) -> None:
    page = settle(open_page("data", **address(folder)))
    assert "<b>20</b> images" in texts(page)
    (Path(folder.folder) / "train" / "cat" / "000.png").unlink()
    assert "<b>19</b> images" in texts(settle(settle(page)))
