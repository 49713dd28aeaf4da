"""The Examine page says what was measured on which images, keeps every choice in its address, and survives gaps."""

import io
import json
import shutil
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.data.edits import Edits
from core.data.store import DataError
from core.examine.predicting import Prediction
from core.helper.questions import Answer, Picture, Piece, QuestionError
from tests.examined import CLASSES, EPOCHS, VAL, make_examined, make_logits
from tests.pages.conftest import component_data, labels, texts
from tests.pages.sample_runs import add_checkpoint, make_run, training

ASKED: list[dict[str, Any]] = []


def answer(target: str, **question: Any) -> Future:
    """The helper process without torch: grey images, and a network that is sure of class 4."""
    future: Future = Future()
    ASKED.append({"target": target, **question})
    match target.partition(":")[2]:
        case "image_strip":
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), (90, 90, 90)).save(buffer, "PNG")
            future.set_result([buffer.getvalue()] * len(question["places"]))
        case "ask":
            chances = np.full(CLASSES, 0.02)
            chances[4] = 0.82
            heat = np.zeros((8, 8), np.float32)
            future.set_result(Answer(np.zeros((8, 8, 3), np.uint8), chances, heat, question["for_class"] or 4, 7))
        case "predict":
            logits, given = make_logits(VAL, 0)
            some = slice(question["start"], question["start"] + question["count"])
            future.set_result(Piece(logits[some], given[some], VAL))
        case _:
            future.set_result(3)
    return future


@pytest.fixture(autouse=True)
def helper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place that asks the helper process is answered here."""
    import streamlit as st

    ASKED.clear()
    st.cache_data.clear()
    st.cache_resource.clear()
    for place in ("pages.parts.examine.gallery", "pages.parts.examine.image", "pages.parts.examine.load"):
        monkeypatch.setattr(f"{place}.call", answer)
    monkeypatch.setattr("core.examine.predicting.call", answer)


def asked(name: str) -> list[dict[str, Any]]:
    return [question for question in ASKED if question["target"].endswith(f":{name}")]


def matrix_of(page) -> dict[str, Any]:
    (matrix,) = component_data(page, "resnet_lab_matrix")
    return matrix


# Which run, which images


def test_the_newest_run_is_shown_where_the_address_names_none(open_page) -> None:
    make_examined(name="older")
    newest = make_examined(name="newest")
    page = open_page("examine")
    assert page.query_params["id"] == newest.id
    assert "kind 3" in matrix_of(page)["classes"]


def test_what_a_list_shows_of_a_run_stays_while_it_goes_on(open_page) -> None:
    """A list knows its choice by the text: where that changed, the choices that hang on it were lost."""
    run = make_examined("interrupted", name="mine")
    add_checkpoint(run)
    page = open_page("examine", id=run.id, weights="last", cell="3-3")
    before = [box.options for box in page.selectbox]
    rows = (run.path / "metrics.jsonl").read_bytes()
    (run.path / "metrics.jsonl").write_bytes(rows + rows.splitlines(keepends=True)[-1].replace(b"0.8", b"0.99"))
    manifest = run.path / "checkpoints" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"epoch": 5', '"epoch": 6'))
    page.run()
    assert [box.options for box in page.selectbox] == before
    assert page.query_params["weights"] == "last"
    assert page.query_params["cell"] == "3-3"


def test_without_any_run_the_page_leads_to_build(open_page) -> None:
    page = open_page("examine")
    assert labels(page) == ["Train one"]


@pytest.mark.parametrize("run_id", ["20260101-000000-000-abcdef", "../../etc/passwd", "%00"])
def test_an_unknown_run_gets_a_sentence_and_the_way_on(open_page, run_id: str) -> None:
    page = open_page("examine", id=run_id)
    assert "no such run" in texts(page)
    assert labels(page) == ["All runs"]


def test_a_damaged_run_says_which_file(open_page) -> None:
    run = make_examined()
    (run.path / "spec.json").write_text("{")
    assert "spec.json" in texts(open_page("examine", id=run.id))


def test_every_figure_says_split_number_of_images_weights_and_seed(open_page) -> None:
    run = make_examined()
    text = texts(open_page("examine", id=run.id))
    assert "60 validation images · best on validation" in text
    assert "as stored at the end of the training · seed 0" in text
    text = texts(open_page("examine", id=run.id, split="test", weights="last"))
    assert "90 test images, looked at once at the end · last" in text


def test_test_images_of_a_run_that_goes_on_are_not_shown(open_page) -> None:
    run = make_examined("interrupted")
    add_checkpoint(run)
    with training(run):
        text = texts(open_page("examine", id=run.id, split="test"))
        assert "looked at once" in text
        assert "not there yet" in text
        text = texts(open_page("examine", id=run.id, split="test", tab="Image"))
    assert not asked("ask")


def test_test_images_stay_closed_after_validation_was_predicted(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    shutil.rmtree(run.path / "predictions")
    open_page("examine", id=run.id)
    page = open_page("examine", id=run.id, split="test")
    assert "looked at once" in texts(page)
    assert {question["part"] for question in asked("predict")} == {"val"}


def test_a_run_before_its_first_epoch_says_what_to_wait_for(open_page) -> None:
    run = make_run(epochs_done=0)
    with training(run):
        text = texts(open_page("examine", id=run.id))
    assert "come with the end of the first epoch" in text


def test_an_interrupted_run_is_predicted_from_its_checkpoint(open_page) -> None:
    run = make_examined("interrupted")
    sha256 = add_checkpoint(run)
    page = open_page("examine", id=run.id)
    assert "predicted now from the checkpoint" in texts(page)
    assert {question["weights"].sha256 for question in asked("predict")} == {sha256}


def test_while_weights_predict_the_page_says_how_far(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_examined("interrupted")
    add_checkpoint(run)
    monkeypatch.setattr(Prediction, "_ask", lambda self: None)
    text = texts(open_page("examine", id=run.id))
    assert "Predicting with these weights" in text
    assert "Shown as soon as there are predictions" in text


def test_weights_that_cannot_be_asked_leave_a_sentence_and_the_rest(open_page, monkeypatch) -> None:
    run = make_examined("interrupted")
    add_checkpoint(run)

    def refuse(target: str, **question: Any) -> Future:
        future: Future = Future()
        future.set_exception(QuestionError("The checkpoint last.pt is damaged."))
        return future

    monkeypatch.setattr("core.examine.predicting.call", refuse)
    page = open_page("examine", id=run.id, tab="History")
    assert "The checkpoint last.pt is damaged." in texts(page)
    assert matrix_of(page)["counts"]


# Classes


def test_the_matrix_holds_every_image_once(open_page) -> None:
    page = open_page("examine", id=make_examined().id)
    assert np.sum(matrix_of(page)["counts"]) == VAL


def test_a_cell_in_the_address_shows_its_images_the_most_confident_first(open_page) -> None:
    logits, given = make_logits(VAL, 0)
    page = open_page("examine", id=make_examined().id, cell="3-3")
    (gallery,) = component_data(page, "resnet_lab_gallery")
    indices = [item["index"] for item in gallery["items"]]
    assert set(indices) == set(np.flatnonzero((given == 3) & (logits.argmax(1) == 3)))
    assert all(item["title"] == "kind 3" for item in gallery["items"])


@pytest.mark.parametrize("cell", ["", "3", "3-99", "a-b", "-1-2", "1-2-3", "²-²"])
def test_a_cell_that_is_none_is_passed_over(open_page, cell: str) -> None:
    page = open_page("examine", id=make_examined().id, cell=cell)
    assert matrix_of(page)["chosen"] is None


def test_images_that_are_gone_leave_a_sentence_and_their_places(open_page, monkeypatch) -> None:
    def gone(target: str, **question: Any) -> Future:
        future: Future = Future()
        future.set_exception(DataError("The data set is not on this machine."))
        return future

    monkeypatch.setattr("pages.parts.examine.gallery.call", gone)
    page = open_page("examine", id=make_examined().id, cell="3-3")
    assert "The images cannot be shown: The data set is not on this machine." in texts(page)
    assert np.sum(matrix_of(page)["counts"]) == VAL


# Confidence


def test_temperature_is_fitted_on_validation_whatever_is_shown(open_page) -> None:
    run = make_examined()
    on_val = texts(open_page("examine", id=run.id, tab="Confidence"))
    on_test = texts(open_page("examine", id=run.id, tab="Confidence", split="test"))
    assert "flatters" in on_val
    assert "The test images had no part in it." in on_test
    head = "<th>temperature "
    assert on_val.split(head)[1][:5] == on_test.split(head)[1][:5]


# History


def test_history_is_scrubbed_by_the_address(open_page) -> None:
    run = make_examined()
    for epoch in range(1, EPOCHS + 1):
        page = open_page("examine", id=run.id, tab="History", epoch=str(epoch))
        logits, given = make_logits(VAL, epoch - 1, skill=epoch - 1)
        assert np.trace(matrix_of(page)["counts"]) == (logits.argmax(1) == given).sum()
    page.slider(key="examine.epoch").set_value(2).run()
    assert page.query_params["epoch"] == "2"


def test_a_run_without_history_keeps_the_rest(open_page) -> None:
    run = make_examined()
    (run.path / "predictions" / "val_classes.bin").unlink()
    text = texts(open_page("examine", id=run.id, tab="History"))
    assert "kept no predictions of its epochs" in text
    assert "60 validation images" in text


# Image


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


def test_what_is_moved_goes_into_the_address(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    page = open_page("examine", id=run.id, tab="Image", turn="45")
    page.slider(key="examine.turn").set_value(0.0).run()
    page.slider(key="examine.blur").set_value(1.5).run()
    assert "turn" not in page.query_params
    assert page.query_params["blur"] == "1.5"
    assert asked("ask")[-1]["edits"] == Edits(blur=1.5)


def test_numbers_out_of_range_in_the_address_are_moved_into_it(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    address = {"image": "99999", "layer": "77", "bright": "-4", "blur": "nan", "noise": "x", "class": "99"}
    open_page("examine", id=run.id, tab="Image", **address)
    (question,) = asked("ask")
    assert question["picture"].index == VAL - 1
    assert question["edits"] == Edits(brightness=0.2)
    assert question["for_class"] is None


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


def test_markup_in_names_is_text(open_page) -> None:
    run = make_examined(name="<img src=x onerror=alert(1)>")
    add_checkpoint(run)
    environment = run.environment() | {"class_names": [f"<b>{number}</b>" for number in range(CLASSES)]}
    (run.path / "environment.json").write_text(json.dumps(environment))
    for tab in ("Classes", "Confidence", "History", "Image"):
        text = texts(open_page("examine", id=run.id, tab=tab, cell="3-3"))
        assert "<img" not in text
        assert "<b>3</b>" not in text


def test_the_way_to_the_run_is_one_button(open_page) -> None:
    assert labels(open_page("examine", id=make_examined().id))[0] == "Open run"
