"""The Examine page says what was measured on which images, and survives gaps."""

import json

import pytest

from tests.examined import CLASSES, make_examined, make_unvalidated
from tests.pages.conftest import labels, texts
from tests.pages.examine_page import asked
from tests.pages.parts.examine.conftest import helper  # noqa: F401 - the page asks the same helper process
from tests.pages.sample_runs import add_checkpoint, make_run, training


def test_without_any_run_the_page_leads_to_build(open_page) -> None:
    page = open_page("examine")
    assert labels(page) == ["Build a network"]


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


def test_of_a_run_that_held_no_images_out_there_is_the_test_of_the_last_weights(open_page) -> None:
    run = make_unvalidated()
    text = texts(open_page("examine", id=run.id))
    assert "90 test images, looked at once at the end · last" in text
    assert "No images were held out, and the history" in texts(open_page("examine", id=run.id, tab="History"))
    assert "No temperature" in texts(open_page("examine", id=run.id, tab="Confidence"))
    assert not asked("predict")


def test_test_images_of_a_run_that_goes_on_are_not_shown(open_page) -> None:
    run = make_examined("interrupted")
    add_checkpoint(run)
    with training(run):
        text = texts(open_page("examine", id=run.id, split="test"))
        assert "looked at once" in text
        assert "not there yet" in text
        text = texts(open_page("examine", id=run.id, split="test", tab="Image"))
    assert not asked("ask")


def test_a_run_before_its_first_epoch_says_what_to_wait_for(open_page) -> None:
    run = make_run(epochs_done=0)
    with training(run):
        text = texts(open_page("examine", id=run.id))
    assert "come with the end of the first epoch" in text


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
