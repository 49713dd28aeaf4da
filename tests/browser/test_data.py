"""The Data page in a real Chromium: images are browsed, one is opened, and a wrong label is left out of a training."""

import shutil

import pytest
from playwright.sync_api import Page, expect

from core.spec import DataSpec
from core.spec.link import pack_data
from tests.core.data.test_bring import make_zip, photographs
from tests.lab_server import LabServer
from tests.pages.parts.data.conftest import make_images

WAIT_MS = 90_000


@pytest.fixture
def spec(lab: LabServer) -> DataSpec:
    """A set with a copy of a training image in its test part."""
    root = make_images(lab.folder / "images")
    shutil.copy(root / "train" / "cat" / "003.png", root / "test" / "dog" / "copy.png")
    return DataSpec(dataset="folder", folder=str(root), folder_classes=2)


def test_a_repeated_image_is_found_and_left_out_of_a_training(page: Page, lab: LabServer, spec: DataSpec) -> None:
    page.goto(f"{lab.url}/data?set={pack_data(spec)}")
    tiles = page.locator(".lab-gallery button")
    expect(tiles).to_have_count(21, timeout=WAIT_MS)
    row = page.locator(".st-key-data_filter")
    places = [row.locator(part).first.bounding_box() for part in (".stSelectbox [role=group]", "button[data-variant]")]
    assert len({(place["y"], place["height"]) for place in places if place}) == 1, places  # one line
    page.get_by_role("tab", name="Repeated").click()
    expect(page.get_by_text("2 images equal in every pixel, in two parts, under two labels")).to_be_visible(
        timeout=WAIT_MS
    )
    expect(tiles).to_have_count(2, timeout=WAIT_MS)
    tiles.last.click()
    expect(page.get_by_role("heading", name="test/dog/copy.png")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("img.data-whole")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="The label is wrong").click()
    page.get_by_role("button", name="Note it").click()
    expect(page.get_by_text("Noted as wrong.")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("tab", name="Wrong labels").click()
    page.get_by_role("button", name="Train without it").click()
    expect(page.get_by_test_id("parts")).to_contain_text("4 to test on", timeout=WAIT_MS)
    page.get_by_role("button", name="See the images").click()
    expect(page.get_by_test_id("set-facts")).to_contain_text("1 left out, as noted", timeout=WAIT_MS)


def test_an_uploaded_zip_becomes_a_set_that_build_trains_on(page: Page, lab: LabServer) -> None:
    content = make_zip(photographs()).getvalue()
    page.goto(f"{lab.url}/data")
    page.get_by_role("button", name="Bring images").click()
    field = page.locator("input[type=file]")
    field.set_input_files({"name": "my photos.zip", "mimeType": "application/zip", "buffer": content}, timeout=WAIT_MS)
    page.get_by_role("button", name="Bring it in").click(timeout=WAIT_MS)
    facts = page.get_by_test_id("set-facts")
    expect(facts).to_contain_text("12 images", timeout=WAIT_MS)
    expect(facts).to_contain_text("4 test")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Use in Build").click()
    expect(page.get_by_test_id("parts")).to_contain_text("4 to test on, in photos/Test/", timeout=WAIT_MS)
