"""Noted images are listed, and a training goes without them by one click."""

import pytest

from core.data.notes import Note, list_left_out, read_list, write_note
from core.spec import DataSpec
from core.spec.link import from_link, unpack_data
from tests.pages.conftest import component_data, press, texts
from tests.pages.parts.data.conftest import address, settle


def test_nothing_noted_says_how_to(open_page) -> None:
    assert "No label is noted as wrong." in texts(settle(open_page("data", tab="Wrong labels")))


def test_noted_images_are_left_out_by_a_list_that_stays(
    open_page, folder: DataSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("train/cat/003.png", "test/dog/001.png", "train/dog/gone.png"):
        write_note(folder, name, Note("cat"))
    page = settle(open_page("data", **address(folder, tab="Wrong labels")))
    (gallery,) = component_data(page, "resnet_lab_gallery")
    assert [item["index"] for item in gallery["items"]] == [3, 19]
    went: list[dict[str, str]] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: went.append(query_params))
    press(page, "Train without them")
    spec = from_link(went[0]["spec"]).data
    assert list_left_out(spec.without) == {"train/cat/003.png", "test/dog/001.png"}
    assert {(image.label, image.part) for image in read_list(spec.without)} == {(0, "train"), (1, "test")}


def test_the_set_is_looked_at_without_them(open_page, folder: DataSpec) -> None:
    write_note(folder, "train/cat/003.png", Note("cat"))
    page = press(settle(open_page("data", **address(folder, tab="Wrong labels"))), "Look without them")
    assert unpack_data(page.query_params["set"]).without
    text = texts(settle(page))
    assert "<b>1</b> left out, as noted" in text
    assert "Without those of the list" in text
