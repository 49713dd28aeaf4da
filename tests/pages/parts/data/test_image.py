"""One image with what is known of it; a wrong label is noted and taken back."""

from pathlib import Path

from core.data.notes import read_notes
from core.spec import DataSpec
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.parts.data.conftest import address, settle


def test_an_image_is_shown_with_its_facts(open_page, folder: DataSpec) -> None:
    page = settle(open_page("data", **address(folder, image="3")))
    text = texts(page)
    assert "train/cat/003.png" in text
    assert "<b>16 × 16</b> pixels" in text
    assert "<b>PNG, " in text
    assert 'class="data-whole small"' in text


def test_one_goes_on_to_the_next_of_the_same_choice(open_page, folder: DataSpec) -> None:
    page = settle(open_page("data", **address(folder, image="16", show="test")))
    press(page, "Next")
    assert page.query_params["image"] == "17"
    press(page, "Close")
    assert "image" not in page.query_params


def test_a_wrong_label_is_noted_and_taken_back(open_page, folder: DataSpec) -> None:
    page = settle(open_page("data", **address(folder, image="3")))
    next(box for box in page.selectbox if box.label == "It is of the class").select("dog").run()
    page.text_input(key="data.remark.3").input("<b>it barks</b>").run()
    press(page, "Note it")
    (note,) = read_notes(folder).values()
    assert (note.label, note.should_be) == ("cat", "dog")
    text = texts(page)
    assert "It should be dog. &lt;b&gt;it barks&lt;/b&gt;" in text
    gallery = component_data(page, "resnet_lab_gallery")[-1]
    assert [item["index"] for item in gallery["items"] if item["wrong"]] == [3]
    press(page, "Take the note back")
    assert read_notes(folder) == {}


def test_a_file_that_is_gone_meanwhile_is_told(open_page, folder: DataSpec) -> None:
    page = settle(open_page("data", **address(folder)))
    path = Path(folder.folder) / "train" / "cat"
    path.rename(path.with_name("dogs"))
    page.query_params["image"] = "3"
    page.run()
    assert not page.exception
    assert "Look again" in labels(page)


def test_pictures_that_are_equal_stand_beside_it(open_page, folder: DataSpec) -> None:
    cats = Path(folder.folder) / "train" / "cat"
    (cats / "001.png").write_bytes((cats / "002.png").read_bytes())
    page = settle(open_page("data", **address(folder, image="1")))
    assert "Equal in every pixel: 1 other." in texts(page)
