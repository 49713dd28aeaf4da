"""Parts of the Data page without processes of their own."""

from concurrent.futures import Future
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.data.survey import make_survey
from core.spec import DataSpec
from core.spec.link import pack_data
from core.spec.parse import parse_spec
from pages.parts.data import load
from tests.core.data.test_alike import make_scenes


class Surveys:
    """Looks at once, in this process."""

    def __init__(self) -> None:
        self.asked: dict[DataSpec, Future[None]] = {}

    def ask(self, spec: DataSpec) -> Future[None]:
        return self.asked.get(spec) or self.asked.setdefault(spec, self.look(spec))

    def look(self, spec: DataSpec) -> Future[None]:
        future: Future[None] = Future()
        try:
            make_survey(spec)
        except Exception as error:  # noqa: BLE001 - as a future holds whatever was raised
            future.set_exception(error)
        else:
            future.set_result(None)
        return future

    def forget(self, spec: DataSpec) -> None:
        self.asked.pop(spec, None)


def answer(target: str, **question: Any) -> Future[Any]:
    """The helper process without torch."""
    future: Future[Any] = Future()
    if target.endswith(":measure_set"):
        count = parse_spec(question["spec_json"]).data.num_channels
        future.set_result(("fingerprint", (0.25, 0.5, 0.75)[:count], (0.1, 0.2, 0.3)[:count]))
    else:
        try:
            future.set_result(resolve_name(target)(**question))
        except Exception as error:  # noqa: BLE001 - as a future holds whatever was raised
            future.set_exception(error)
    return future


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    st.cache_data.clear()
    st.cache_resource.clear()
    load._open.clear()
    monkeypatch.setattr(load, "SURVEYS", Surveys())
    monkeypatch.setattr(load, "call", answer)
    monkeypatch.setattr("pages.parts.data.image.call", answer)


@pytest.fixture
def folder(tmp_path: Path) -> DataSpec:
    """Sixteen small pictures of two classes, and four to test on."""
    return DataSpec(dataset="folder", folder=str(make_images(tmp_path / "images")), folder_classes=2)


def make_images(root: Path) -> Path:
    scenes = iter(make_scenes(20, side=16))
    for name, count in (("train/cat", 8), ("train/dog", 8), ("test/cat", 2), ("test/dog", 2)):
        (root / name).mkdir(parents=True)
        for place in range(count):
            Image.fromarray(next(scenes)).save(root / name / f"{place:03}.png")
    return root


def settle(page: AppTest) -> AppTest:
    """Runs again what the first look has made ready."""
    page.run()
    assert not page.exception, page.exception
    return page


def address(spec: DataSpec, **more: str) -> dict[str, str]:
    return {"set": pack_data(spec), **more}
