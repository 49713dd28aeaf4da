"""Images in, answers out, on photographs: from an upload over a training to predictions, and back to the set."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.runs.folder import Run
from core.spec.link import to_link
from core.spec.parse import parse_spec
from tests.browser.test_journey import WAIT, expect_state, open_build, small_spec, start_run
from tests.lab_server import LabServer

CLASSES = ("airplane", "cat", "horse", "ship")
TRAIN, TEST, OWN = 60, 20, 10  # photographs a class

Files = dict[str, bytes]


@pytest.fixture
def photographs(images_folder: Path) -> tuple[Files, Files]:
    """Those to train and test on, and others to ask about; three of the first stand in the set twice.

    One as it is in another part, one in another part as a copy of less quality, and one under another label.
    """

    def take(part: str, name: str, some: slice) -> list[bytes]:
        return [path.read_bytes() for path in sorted((images_folder / part / name).iterdir())[some]]

    known, own = Files(), Files()
    for name in CLASSES:
        for part, count in (("train", TRAIN), ("test", TEST)):
            known |= {f"{part}/{name}/{at:03}.jpg": each for at, each in enumerate(take(part, name, slice(count)))}
        own |= {f"{name}/{at:03}.jpg": each for at, each in enumerate(take("test", name, slice(TEST, TEST + OWN)))}
    known["test/cat/same.jpg"] = known["train/cat/007.jpg"]
    known["train/ship/same.jpg"] = known["train/horse/003.jpg"]
    copy = io.BytesIO()
    Image.open(io.BytesIO(known["train/airplane/011.jpg"])).save(copy, "JPEG", quality=60)
    known["test/airplane/alike.jpg"] = copy.getvalue()
    return known, own


def to_zip(files: Mapping[str, bytes], top: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(top + name, content)
    return buffer.getvalue()


def bring(page: Page, lab: LabServer, name: str, content: bytes) -> None:
    page.goto(f"{lab.url}/data")
    page.get_by_role("button", name="Bring images").click(timeout=WAIT)
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.locator("input[type=file]").first.set_input_files([file], timeout=WAIT)
    page.get_by_role("button", name="Bring it in").click(timeout=WAIT)


def train(page: Page, lab: LabServer, name: str) -> Run:
    """Trains a small network on the set that the Data page shows, which Build takes over."""
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Use in Build").click()
    expect(page.get_by_test_id("parts")).to_contain_text("to test on", timeout=WAIT)
    folder = str(lab.folder / "data" / "sets" / name)
    small = small_spec(dataset="folder", folder=folder, folder_classes=4).model_dump(mode="json")
    small["train"] |= {"epochs": 3}
    open_build(page, lab, f"?spec={to_link(parse_spec(small))}")
    run_id = start_run(page)
    expect_state(page, "Finished")
    return Run(lab.folder / "runs" / run_id)


def read_csv(page: Page, button: str) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_place(page: Page) -> tuple[int, str]:
    """The index that Examine's tab Image is at, and the file that the Data page then shows in its place."""
    page.wait_for_url("**/examine?*image=*", timeout=WAIT)
    index = int(re.search(r"image=(\d+)", page.url)[1])
    page.get_by_role("button", name="In its data set").click(timeout=WAIT)
    expect(page.locator("img.data-whole")).to_be_visible(timeout=WAIT)
    expect(page.locator(".lab-gallery button.chosen")).to_be_visible(timeout=WAIT)
    return index, page.locator(".st-key-data_image_head h3").inner_text()


def test_a_zip_of_photographs_becomes_a_run_and_a_table_of_predictions(
    page: Page, lab: LabServer, photographs: tuple[Files, Files]
) -> None:
    known, own = photographs
    bring(page, lab, "holiday.zip", to_zip(known, "holiday/"))
    facts = page.get_by_test_id("set-facts")
    expect(facts).to_contain_text(f"{len(known)} images", timeout=WAIT)
    expect(facts).to_contain_text(f"{4 * TEST + 2} test")

    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Repeated").click()
    told = "3 groups in all: 2 in two parts, 1 under two labels."
    expect(page.get_by_text(told)).to_be_visible(timeout=WAIT)
    for what in ("equal in every pixel, in two parts", "equal in every pixel, under two labels"):
        expect(page.get_by_text(f"2 images {what}", exact=True)).to_be_visible()
    expect(page.get_by_text("2 images nearly equal, in two parts", exact=True)).to_be_visible()

    run = train(page, lab, "holiday")
    page.goto(f"{lab.url}/examine?id={run.id}&tab=Own+images")
    file = {"name": "own.zip", "mimeType": "application/zip", "buffer": to_zip(own)}
    page.locator("input[type=file]").first.set_input_files([file], timeout=WAIT)
    expect(page.get_by_role("button", name="All columns (CSV)")).to_be_visible(timeout=WAIT)
    rows = read_csv(page, "All columns (CSV)")
    assert {row["image"] for row in rows} == set(own)
    doubts = [float(row["probability"]) for row in rows]
    assert doubts == sorted(doubts)
    right = sum(row["class"] == row["image"].split("/")[0] for row in rows)
    expect(page.get_by_text(f"{right} of {len(own)} are right")).to_be_visible()
    page.get_by_text("Two columns, to hand in").click()
    handed_in = read_csv(page, "To hand in (CSV)")
    assert {row["ID"]: row["Label"] for row in handed_in} == {row["image"]: row["class"] for row in rows}

    # From a cell of the confusion matrix to an image of it, and to its place in the set.
    page.goto(f"{lab.url}/examine?id={run.id}&split=test")
    cell = page.locator(".lab-matrix td.wrong").first
    cell.click(timeout=WAIT)
    true = re.search(r"true (\w+),", cell.get_attribute("title"))[1]
    page.locator(".lab-gallery button").first.click(timeout=WAIT)
    index, name = read_place(page)
    assert name == "holiday/" + sorted(name for name in known if name.startswith("test/"))[index]
    assert name.split("/")[2] == true


def test_an_array_file_of_photographs_is_trained_on(page: Page, lab: LabServer, images_folder: Path) -> None:
    arrays = {}
    for part, start, count in (("train", 0, 40), ("val", 40, 10), ("test", 50, 10)):
        files = [sorted((images_folder / "train" / name).iterdir())[start : start + count] for name in CLASSES]
        arrays[f"{part}_images"] = np.stack([np.asarray(Image.open(path)) for some in files for path in some])
        arrays[f"{part}_labels"] = np.repeat(np.arange(4), count)[:, None]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    bring(page, lab, "photomnist.npz", buffer.getvalue())
    facts = page.get_by_test_id("set-facts")
    for told in ("240 images", "4 classes", "160 training", "40 validation", "40 test"):
        expect(facts).to_contain_text(told, timeout=WAIT)
    run = train(page, lab, "photomnist")
    # The network was tested on the array's own test images, in their order.
    assert np.load(run.path / "predictions" / "test_labels.npy").tolist() == arrays["test_labels"].ravel().tolist()
