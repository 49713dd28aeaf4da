"""A set at a glance: its figures are those of its files."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core.spec import DataSpec
from pages.parts.data.overview import tell_balance
from tests.pages.conftest import component_data, texts
from tests.pages.parts.data.conftest import address, settle


@pytest.fixture
def odd(folder: DataSpec) -> DataSpec:
    root = Path(folder.folder)
    Image.new("RGB", (90, 60), (9, 90, 9)).save(root / "train/cat/wide.jpg")
    (root / "train/cat/broken.png").write_bytes(b"no image")
    (root / "train/cat/list.csv").write_text("a,b")
    return folder


def test_counts_are_by_class_and_part(open_page, folder: DataSpec) -> None:
    page = settle(open_page("data", **address(folder, tab="Classes")))
    (table,) = page.dataframe
    assert table.value[["Class", "Training", "Validation", "Test", "All"]].values.tolist() == [
        ["cat", 7, 1, 2, 10],
        ["dog", 7, 1, 2, 10],
    ]
    assert "Balanced: each class has 7 training images." in texts(page)
    assert [chart["title"] for chart in component_data(page, "resnet_lab_chart")] == ["Images of each class"]


def test_classes_out_of_balance_are_told(open_page, folder: DataSpec) -> None:
    for path in sorted((Path(folder.folder) / "train" / "dog").iterdir())[:4]:
        path.unlink()
    text = texts(settle(open_page("data", **address(folder.model_copy(update={"val_fraction": 0.01}), tab="Classes"))))
    assert "The largest class, cat, has " in text
    assert " times as many training images as the smallest, dog." in text


def test_a_difference_that_shows_in_no_digit_is_no_factor() -> None:
    view = SimpleNamespace(counts=np.array([[54, 55]]), survey=SimpleNamespace(classes=("cat", "dog")))
    assert tell_balance(view) == "Nearly balanced: 54 to 55 training images a class."


def test_images_of_the_trainings_size_are_not_told_to_be_resized(open_page, folder: DataSpec) -> None:
    whole = folder.model_copy(update={"image_size": 16})
    text = texts(settle(open_page("data", **address(whole, tab="Sizes and colours"))))
    assert "All images are 16 × 16 pixels." in text
    assert "Training sees them at that size." in text


def test_sides_files_and_what_training_scales_by_are_told(open_page, odd: DataSpec) -> None:
    page = settle(open_page("data", **address(odd, tab="Sizes and colours")))
    text = texts(page)
    assert "Widths from 16 to 90, heights from 16 to 60 pixels." in text
    assert "Training sees them cropped to a square and resized to 32 × 32. 20 images are smaller" in text
    assert "Files: PNG 20 (" in text
    assert "JPEG 1 (" in text
    assert "<td>Green</td><td>0.5000</td><td>0.2000</td>" in text
    assert {chart["title"] for chart in component_data(page, "resnet_lab_chart")} == {"Sides", "Colours"}


def test_one_channel_is_told_as_one_and_offered_for_grey_images(open_page) -> None:
    offer = "All images are grey. With Colour set to Grey in Build"
    assert offer in texts(settle(open_page("data", tab="Sizes and colours")))
    text = texts(settle(open_page("data", **address(DataSpec(colour="grey"), tab="Sizes and colours"))))
    assert "<td>Grey</td><td>0.2500</td><td>0.1000</td>" in text
    assert offer not in text
    assert "<td>Red</td>" not in text


def test_what_was_left_out_has_its_reason(open_page, odd: DataSpec) -> None:
    text = texts(settle(open_page("data", **address(odd, tab="Left out"))))
    assert "1 image cannot be decoded. A training without Damaged images set to Leave out refuses to start." in text
    assert "train/cat/broken.png" in text
    assert ".csv files" in text
    assert "Nothing was left out." in texts(settle(open_page("data", tab="Left out")))
