"""A study is made and started as it was defined, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.spec.link import from_link
from core.studies.spec import STUDY_PRESETS
from core.studies.study import list_studies, open_study
from tests.folders import make_folder
from tests.pages.conftest import labels, press, texts
from tests.pages.studies_page import defined, widget


def test_a_storage_that_goes_away_leaves_the_definition_as_it_is(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page("studies", new="first-look")
    widget(page.text_input, "Trials").set_value("7").run()
    monkeypatch.setenv("RESNET_LAB_STORAGE", "postgresql+psycopg://lab:secret@127.0.0.1:1/lab")
    page.run()
    assert "postgresql+psycopg://lab:***@127.0.0.1:1/lab cannot be used" in texts(page)
    assert (defined(page).trials, widget(page.text_input, "Trials").value) == (7, "7")
    press(page, "Save without starting")
    assert "cannot be used" in texts(page)
    assert defined(page).trials == 7


def test_a_study_whose_images_are_not_here_says_so_before_it_is_made(open_page) -> None:
    page = open_page("studies", new="report")
    assert "CIFAR-10 is not on this machine yet" in texts(page)
    assert widget(page.button, "Start").disabled
    assert not widget(page.button, "Save without starting").disabled
    assert list_studies() == []


def test_a_space_wholly_over_the_budget_is_started_only_on_a_second_word(open_page) -> None:
    page = open_page("studies", new="first-look")
    assert not widget(page.button, "Start").disabled
    widget(page.text_input, "Parameters at most").set_value("10").run()
    assert "is within the budget of 10 parameters: the smallest has " in texts(page)
    assert widget(page.button, "Start").disabled
    widget(page.checkbox, "Start it all the same").check().run()
    assert not widget(page.button, "Start").disabled
    widget(page.text_input, "Parameters at most").set_value("5000000").run()
    assert not [box for box in page.checkbox if box.label == "Start it all the same"]


def test_brackets_and_rungs_are_shown_before_the_start_and_follow_pruner_and_epochs(open_page) -> None:
    page = open_page("studies", new="first-look")
    assert "After epoch" in texts(page)
    widget(page.text_input, "Epochs a trial").set_value("20").run()
    widget(page.selectbox, "Pruner").set_value("hyperband").run()
    assert "3 brackets: 53 % of the trials with rungs after epoch" in texts(page)
    assert int(widget(page.text_input, "First rung (epochs)").value) == defined(page).pruner_warmup_epochs <= 2
    widget(page.text_input, "First rung (epochs)").set_value("7").run()
    assert "One bracket is successive halving" in texts(page)
    widget(page.selectbox, "Pruner").set_value("patient").run()
    assert "After 7 epochs without an improvement." in texts(page)


def test_a_study_whose_images_are_not_here_offers_their_download_and_an_image_folder(open_page, tmp_path: Path) -> None:
    page = open_page("studies", new="report")
    assert "Download (170 MB)" in labels(page)
    box = widget(page.text_input, "Or search on an image folder")
    box.set_value(str(tmp_path / "nowhere")).run()
    assert f"There is no folder {tmp_path / 'nowhere'}." in texts(page)
    root = make_folder(tmp_path / "set", {"train/cat": 3, "train/dog": 3, "val/cat": 2})
    widget(page.text_input, "Or search on an image folder").set_value(str(root)).run()
    assert not page.exception
    assert not widget(page.button, "Start").disabled
    assert not any(label.startswith("Download") for label in labels(page))
    base, report = defined(page).base, STUDY_PRESETS["report"].base
    assert (base.data.dataset, base.data.folder, base.data.folder_classes) == ("folder", str(root), 2)
    assert (base.model, base.train) == (report.model, report.train)
    assert defined(page).space == STUDY_PRESETS["report"].space


def test_the_network_is_edited_on_build_and_comes_back_into_the_same_study(open_page, switched: list) -> None:
    page = open_page("studies", new="report")
    widget(page.text_input, "Trials").set_value("7").run()
    press(page, "Edit the network")
    (built,) = switched
    assert built[0] == "build.py"
    assert from_link(built[1]["spec"]) == STUDY_PRESETS["report"].base


def test_making_a_study_keeps_it_as_defined_and_refuses_its_name_a_second_time(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.text_input, "Name").set_value("mine").run()
    press(page, "Save without starting")
    assert [study.name for study in list_studies()] == ["mine"]
    assert open_study("mine").spec == STUDY_PRESETS["first-look"]
    page = open_page("studies", new="first-look")
    widget(page.text_input, "Name").set_value("mine").run()
    press(page, "Save without starting")
    assert "there is a study named mine already" in texts(page)


def test_start_makes_the_study_and_asks_for_its_workers_once(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    define = "pages.parts.studies.define"
    monkeypatch.setattr(f"{define}.start_workers", lambda name, count=None, on="here": asked.append((name, count)))
    page = open_page("studies", new="first-look")
    widget(page.text_input, "Workers").set_value("3").run()
    press(page, "Start")
    assert asked == [("first-look 1", 3)]
    # A name that is free is suggested for the next.
    assert widget(open_page("studies", new="first-look").text_input, "Name").placeholder == "first-look 2"
