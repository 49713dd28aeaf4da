"""A data set that is missing is offered, and its download's end shows the page anew."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data.downloads import DownloadProgress
from pages.parts.transfer import download
from tests.pages.conftest import labels, press, texts


def show() -> None:
    from core.data.catalogue import find_absent
    from pages.parts.transfer.download import show_download

    if absent := find_absent("cifar10"):
        show_download(absent)


def test_a_download_is_offered_started_and_followed(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    progress: list[DownloadProgress | None] = [None]
    monkeypatch.setattr(download, "start_download", started.append)
    monkeypatch.setattr(download, "read_download", lambda name: progress[0])
    page = AppTest.from_function(show).run()
    assert "CIFAR-10 is not on this machine yet." in texts(page)
    press(page, "Download (170 MB)")
    assert started == ["cifar10"]
    progress[0] = DownloadProgress("failed", 0, 0, "The disk is full.")
    assert "The disk is full." in texts(page.run())
    assert "Discard" not in labels(page)
    progress[0] = DownloadProgress("failed", 100_000_000, 170_498_071, "The connection was cut.")
    assert labels(page.run()) == ["Go on (70.5 MB left)", "Discard"]
    press(page, "Discard")
    press(page, "Go on (70.5 MB left)")
    assert started == ["cifar10", "cifar10"]
    progress[0] = DownloadProgress("running", 85_000_000, 170_000_000, "")
    page.run()
    assert labels(page) == []
