"""A set is brought by an upload or by walking, and opened."""

import io
from pathlib import Path

import numpy as np
import pytest

from core.data.bring import bring
from core.spec import DataSpec
from core.spec.link import unpack_data
from pages.parts.data import bring as part
from tests.core.data.test_alike import make_scenes
from tests.core.data.test_bring import make_zip, photographs, to_npy
from tests.pages.conftest import labels, press, texts
from tests.pages.parts.data.conftest import settle


class AtOnce:
    """A job that is over."""

    def __init__(self, work) -> None:
        try:
            self.result, self.problem = work(lambda done, total: None), ""
        except Exception as error:  # noqa: BLE001 - as a job tells it
            self.result, self.problem = None, str(error)

    def is_over(self) -> bool:
        return True

    def answer(self):
        return self.result, self.problem


@pytest.fixture
def begin(open_page, monkeypatch: pytest.MonkeyPatch):
    """Uploads a file on the page, as a person would."""
    monkeypatch.setattr(part, "Job", AtOnce)

    def upload(content: io.BytesIO):
        page = settle(open_page("data"))
        (field,) = page.get("file_uploader")
        field.upload("my photos.zip", content.getvalue(), "application/zip").run()
        return settle(press(page, "Bring it in"))

    return upload


def test_an_upload_becomes_the_set_that_is_shown(begin) -> None:
    page = begin(make_zip(photographs()))
    spec = unpack_data(page.query_params["set"])
    assert spec.folder.endswith("/sets/my photos")
    assert "<b>12</b> images" in texts(settle(page))
    (sets,) = [box for box in page.selectbox if box.label == "Data set"]
    assert "my photos" in sets.options


def test_a_refused_upload_is_told_and_can_be_tried_again(begin) -> None:
    page = begin(make_zip({"cat/1.png": b"x"}))
    assert "Nothing was kept. " in texts(page)
    assert "two or more are needed" in texts(page)
    assert "set" not in page.query_params
    (field,) = page.get("file_uploader")
    field.upload("other.zip", make_zip(photographs()).getvalue(), "application/zip").run()
    assert "Nothing was kept. " not in texts(page)  # which was of the former file


def test_images_as_npy_are_brought_with_their_labels(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "Job", AtOnce)
    page = settle(open_page("data"))
    (field,) = page.get("file_uploader")
    field.upload("scenes.npy", to_npy(make_scenes(20)).getvalue(), "application/octet-stream").run()
    assert "Bring it in" not in labels(page)
    _, field = page.get("file_uploader")
    field.upload("marks.npy", to_npy(np.arange(20) % 2).getvalue(), "application/octet-stream").run()
    assert "<b>20</b> images" in texts(settle(press(page, "Bring it in")))


def test_a_folder_is_chosen_by_walking(open_page, folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(folder.folder).parent))
    page = settle(open_page("data"))
    next(box for box in page.selectbox if box.label == "Open a folder within").select("images").run()
    settle(press(page, "Use this folder"))
    assert unpack_data(page.query_params["set"]).folder == folder.folder
    assert "<b>20</b> images" in texts(settle(page))


def test_a_folder_without_classes_is_told(open_page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "empty").mkdir(parents=True)
    page = press(settle(open_page("data")), "Use this folder")
    assert "two or more are needed" in texts(page)
    assert "Up" in labels(page)


def test_build_offers_what_was_brought(open_page) -> None:
    spec = bring(make_zip(photographs()), "mine")
    page = open_page("build")
    next(box for box in page.selectbox if box.label == "Data set").select("folder").run()
    next(box for box in page.selectbox if box.label == "Sets that were brought").select(spec.folder).run()
    assert not page.exception
    assert next(box for box in page.text_input if box.label == "Folder").value == spec.folder
