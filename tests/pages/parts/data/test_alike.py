"""Images in two parts, and under two labels, are told apart."""

import shutil
from pathlib import Path

import pytest

from core.spec import DataSpec
from tests.pages.conftest import component_data, texts
from tests.pages.parts.data.conftest import address, settle


@pytest.fixture
def repeated(folder: DataSpec) -> DataSpec:
    root = Path(folder.folder)
    shutil.copy(root / "train/cat/005.png", root / "train/cat/006.png")
    shutil.copy(root / "test/dog/000.png", root / "train/cat/007.png")
    return folder.model_copy(update={"val_fraction": 0.01})


def test_each_kind_is_counted_and_shown(open_page, repeated: DataSpec) -> None:
    page = settle(open_page("data", **address(repeated, tab="Repeated", groups="Under two labels")))
    text = texts(page)
    assert "Equal: in every pixel, at 32 × 32." in text
    (gallery,) = component_data(page, "resnet_lab_gallery")
    assert {item["title"] for item in gallery["items"]} == {"cat", "dog"}
    assert "2 groups in all: 1 in two parts, 1 under two labels." in text
    assert "in two parts, under two labels" in text


def test_a_set_without_repeats_says_so(open_page) -> None:
    assert "No two images are equal or nearly equal." in texts(settle(open_page("data", tab="Repeated")))
