"""Many images of one's own at once, on the page: a table, its accuracy, and files to take away."""

import io
import zipfile
from concurrent.futures import Future

import numpy as np
import pytest
from PIL import Image

from core.data.own_images import open_images
from core.helper.questions import OwnPiece
from core.system import files
from tests.examined import CLASSES, make_examined
from tests.pages.conftest import texts
from tests.pages.sample_runs import add_checkpoint

KEY = "examine.own.files"


@pytest.fixture(autouse=True)
def helper_answers(helper: None, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Image number n is of class n, the less surely the later; a text file among them cannot be read."""
    asked: list[dict] = []

    def call(target: str, **question) -> Future:
        future: Future = Future()
        if not target.endswith(":predict_own"):
            future.set_result(None if target.endswith(":measure_validation") else 3)
            return future
        asked.append(question)
        count = len(open_images(question["brought"]).names)
        chances = np.full((count, CLASSES), 0.01)
        chances[np.arange(count), np.arange(count) % CLASSES] = 0.9 - np.arange(count) / 100
        future.set_result(OwnPiece(chances, np.full(count, 99.0), {}, count))
        return future

    monkeypatch.setattr("core.examine.predicting.call", call)
    return asked


def make_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    return buffer.getvalue()


def make_asked(**options):
    run = make_examined(**options)
    add_checkpoint(run, run.id.encode())
    scale = {"mean": [0.5] * 3, "std": [0.2] * 3}
    files.write_json(run.path / "environment.json", {**run.environment(), **scale})
    return run


def open_tab(open_page, run):
    return open_page("examine", id=run.id, tab="Own images")


def make_zip(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, make_png())
    return buffer.getvalue()


def test_without_images_it_says_what_to_drop(open_page) -> None:
    text = texts(open_tab(open_page, make_asked()))
    assert "Drop images to get a table" in text
    assert "At most 200 MB in sum." in text


def test_dropped_images_are_answered_the_least_certain_first(open_page) -> None:
    page = open_tab(open_page, make_asked())
    page.file_uploader(key=KEY).set_value(
        [("a.png", make_png(), "image/png"), ("b.png", make_png(), "image/png")]
    ).run()
    (table,) = page.dataframe
    assert table.value["Image"].tolist() == ["b.png", "a.png"]
    assert table.value["Class"].tolist() == ["kind 1", "kind 0"]
    assert "2 images predicted." in texts(page)
    assert (
        "Unusual: 2 (100.0 %), by the energy of the logits (Liu et al. 2020), as the images of the training"
        in texts(page)
    )
    assert "Of the 60 validation images, on which the limit was chosen, 5.0 % are." in texts(page)


def test_to_hand_in_the_numbers_of_the_set_and_exact_names_are_offered(open_page) -> None:
    run = make_asked()
    numbers = {**run.environment(), "class_numbers": list(range(CLASSES))[::-1]}
    files.write_json(run.path / "environment.json", numbers)
    page = open_tab(open_page, run)
    page.file_uploader(key=KEY).set_value(("=a.png", make_png(), "image/png")).run()
    assert "An apostrophe stands before 1 name such as =a.png" in texts(page)
    assert "Exact names writes them as they are." in texts(page)
    page.toggle(key="examine.own.exact").set_value(True)
    page.selectbox(key="examine.own.by").select("index").run()
    assert "apostrophe" not in texts(page)
    assert f"By index: 0 kind {CLASSES - 1}, 1 kind {CLASSES - 2}, " in texts(page)


def test_folders_of_a_zip_that_are_classes_give_the_accuracy(open_page) -> None:
    page = open_tab(open_page, make_asked())
    content = make_zip(["kind 0/a.png", "kind 0/b.png", "kind 2/c.png"])
    page.file_uploader(key=KEY).set_value(("own.zip", content, "application/zip")).run()
    assert "By their folders 2 of 3 are right: accuracy 66.67 %" in texts(page)


def test_of_several_arrays_one_is_chosen_before_anything_is_asked(open_page, helper_answers) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, train_images=np.zeros((2, 4, 4), np.uint8), test_images=np.zeros((3, 4, 4), np.uint8))
    page = open_tab(open_page, make_asked())
    page.file_uploader(key=KEY).set_value(("x.npz", buffer.getvalue(), "application/zip")).run()
    assert not helper_answers
    page.selectbox[-1].select("test_images").run()
    assert helper_answers[0]["brought"].array == "test_images"
    assert "3 images predicted" in texts(page)


def test_several_runs_answer_together_and_runs_of_other_classes_do_not(open_page, helper_answers) -> None:
    run, other, stranger = make_asked(), make_asked(), make_asked()
    named = {**stranger.environment(), "class_names": [f"sort {number}" for number in range(CLASSES)]}
    files.write_json(stranger.path / "environment.json", named)
    page = open_tab(open_page, run)
    page.file_uploader(key=KEY).set_value(("a.png", make_png(), "image/png")).run()
    page.multiselect(key="examine.own.others").set_value([other.id]).run()
    assert len(helper_answers[-1]["members"]) == 2
    assert "Unusual: 1 (100.0 %)" in texts(page)
    page.multiselect(key="examine.own.others").set_value([other.id, stranger.id]).run()
    assert "tells other classes apart" in texts(page)


def test_a_file_that_is_no_set_of_images_is_a_sentence(open_page) -> None:
    page = open_tab(open_page, make_asked())
    page.file_uploader(key=KEY).set_value(("x.zip", make_zip(["notes.txt"]), "application/zip")).run()
    assert "holds no images" in texts(page)


def test_files_that_are_too_large_in_sum_are_refused(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.parts.examine.own_images.MAX_MEGABYTES", 1)
    page = open_tab(open_page, make_asked())
    files = [(f"{number}.png", bytes(600_000), "image/png") for number in range(2)]
    page.file_uploader(key=KEY).set_value(files).run()
    assert "The files have 1 MB in sum; at most 1 MB can be taken." in texts(page)
