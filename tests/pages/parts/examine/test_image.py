"""One image is asked about as the address says, of one model or two."""

import shutil

from core.data.edits import Edits
from core.helper.questions import Picture
from tests.examined import make_examined
from tests.pages.conftest import texts
from tests.pages.examine_page import asked
from tests.pages.sample_runs import add_checkpoint


def test_image_class_layer_and_edits_come_from_the_address(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    address = {"image": "5", "class": "6", "layer": "1", "turn": "45", "noise": "0.1", "invert": "true"}
    page = open_page("examine", id=run.id, tab="Image", **address)
    (question,) = asked("ask")
    assert question["picture"] == Picture("val", 5)
    assert question["edits"] == Edits(invert=True, rotation=45.0, noise=0.1)
    assert (question["for_class"], question["layer"]) == (6, 0)
    text = texts(page)
    assert "82.0 %" in text
    assert "it is kind 7" in text
    assert "right after" in text.lower()


def test_two_models_are_asked_about_the_same_image(open_page) -> None:
    one, other = make_examined(name="one"), make_examined(name="other")
    for run in (one, other):
        add_checkpoint(run, run.id.encode())
    open_page("examine", id=one.id, tab="Image", other=other.id, image="3")
    first, second = asked("ask")
    assert first["picture"] == second["picture"] == Picture("val", 3)
    assert first["weights"].sha256 != second["weights"].sha256


def test_a_second_model_with_other_images_is_not_asked_about_this_place(open_page) -> None:
    one, other = make_examined(), make_examined()
    for run in (one, other):
        add_checkpoint(run)
    (other.path / "environment.json").write_text('{"data_fingerprint": "else", "val_images": 60}')
    page = open_page("examine", id=one.id, tab="Image", other=other.id)
    assert len(asked("ask")) == 1
    assert "another image there" in texts(page)


def test_a_second_model_that_is_gone_leaves_a_sentence(open_page) -> None:
    one, other = make_examined(), make_examined()
    add_checkpoint(one)
    shutil.rmtree(other.path)
    page = open_page("examine", id=one.id, tab="Image", other=other.id)
    assert "The other run cannot be asked." in texts(page)
    assert len(asked("ask")) == 1


def test_ones_own_image_is_asked_about_and_a_wrong_file_refused(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    page = open_page("examine", id=run.id, tab="Image", source="own")
    assert "Drop an image" in texts(page)
    page.file_uploader(key="examine.upload").set_value(("x.png", b"", "image/png")).run()
    assert "The file is empty." in texts(page)
    assert not asked("ask")
    page.file_uploader(key="examine.upload").set_value(("cat.png", b"pixels", "image/png")).run()
    assert asked("ask")[-1]["picture"].content == b"pixels"
