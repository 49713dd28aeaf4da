"""Build tells what is suspect about a folder's images before Start."""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from core.data import checks
from core.data.checks import Checks
from core.spec import DataSpec
from core.spec.link import to_link
from core.spec.parse import parse_spec
from pages.parts.build import data_checks
from tests.folders import make_folder
from tests.pages.build_page import problems_shown
from tests.pages.conftest import labels, press, texts

OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> Checks:
    fresh = Checks()
    monkeypatch.setattr(data_checks, "CHECKS", fresh)
    # In this process: what is asked is tested with the checks.
    monkeypatch.setattr(checks, "_ask", lambda spec, decode: checks.check_images(spec, decode=decode))
    return fresh


def open_folder(open_page: OpenPage, root: Path) -> AppTest:
    data = {"dataset": "folder", "folder": str(root), "folder_classes": 2, "image_size": 8}
    return open_page("build", spec=to_link(parse_spec({"data": data, "model": {"pool_size": 1}})))


def wait_and_rerun(page: AppTest, ours: Checks) -> AppTest:
    for future, _ in list(ours._asked.values()):
        future.exception(timeout=60)
    page.run()
    assert not page.exception, page.exception
    return page


def test_faults_are_told_with_their_images_and_the_names_are_text(
    open_page: OpenPage, ours: Checks, tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "images", {"train/<b>": 6, "train/dog": 6, "test/<b>": 2})
    for path in (root / "train" / "<b>").iterdir():
        shutil.copy(path, root / "test" / "<b>")
    (root / "train" / "<b>" / "003.png").write_text("no image")
    page = wait_and_rerun(open_folder(open_page, root), ours)
    told = problems_shown(page)
    assert any("train/&lt;b&gt;/003.png cannot be decoded" in sentence for sentence in told)
    assert "No test images of dog." in texts(page)
    assert "6 of 6 test images are in training or validation too" in texts(page)
    assert "18 images checked" in texts(page)
    (root / "train" / "<b>" / "003.png").unlink()
    page = wait_and_rerun(press(page, "Check again"), ours)
    page = wait_and_rerun(page, ours)
    assert not any("cannot be decoded" in sentence for sentence in problems_shown(page))


def test_a_large_folder_waits_for_a_click(
    open_page: OpenPage, ours: Checks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "UNASKED_IMAGES", 3)
    root = make_folder(tmp_path / "images", {"cat": 6, "dog": 6})
    page = wait_and_rerun(open_folder(open_page, root), ours)
    assert "images checked" not in texts(page)
    page = wait_and_rerun(press(page, "Check the images"), ours)
    page = wait_and_rerun(page, ours)
    assert "12 images checked" in texts(page)
    assert "Check the images" not in labels(page)


def test_who_waits_for_the_check_of_other_images_is_told_so(
    open_page: OpenPage, ours: Checks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = (make_folder(tmp_path / name, {"cat": 6, "dog": 6}) for name in ("mine", "theirs"))
    begun, may_end = Event(), Event()

    def check(spec: DataSpec, decode: bool) -> checks.Report:
        begun.set()
        assert may_end.wait(60)
        return checks.check_images(spec, decode=decode)

    monkeypatch.setattr(checks, "_ask", check)
    first = open_folder(open_page, theirs)
    assert begun.wait(60)
    assert "Looking through the images (" in texts(first.run())
    page = open_folder(open_page, mine)
    assert "Waiting: other images are looked through first (" in texts(page)
    may_end.set()
    assert "12 images checked" in texts(wait_and_rerun(page, ours))


def test_other_data_sets_are_not_checked(open_page: OpenPage, ours: Checks) -> None:
    open_page("build")
    assert not ours._asked
