"""What is wrong is said at its field, and nothing that was typed is lost."""

from __future__ import annotations

from html import unescape

import pytest

from core.studies.spec import STUDY_PRESETS, describe_space
from tests.pages.conftest import texts
from tests.pages.studies_page import address, defined, widget


def test_the_size_of_the_space_is_the_one_that_is_searched(open_page) -> None:
    size, text = describe_space(STUDY_PRESETS["report"]), texts(open_page("studies", new="report"))
    assert f"{size.smallest_parameters:,}" in text
    assert f"{size.largest_parameters:,}" in text
    assert "over the budget" in text


@pytest.mark.parametrize(
    ("label", "value", "message"),
    [
        ("Learning rate from", 0.5, "Learning rate (to) must be above low, 0.5"),
        ("Learning rate to", 1e6, "Learning rate (to) must be at most 100"),
        ("All layers' blocks to", 900, "All layers' blocks (to) must be at most 64"),
        ("Trials", 0, "Trials: a study needs a number of trials or a time limit"),
        ("Epochs a trial", 0, "Epochs a trial must be at least 1"),
        ("Workers", 0, "Workers must be at least 1"),
        (
            "Learning rate from",
            "0,01",
            "Learning rate (from) must be a number, not “0,01”; write decimals with a point.",
        ),
        ("All layers' blocks to", "1.5", "All layers' blocks (to) must be a whole number, not “1.5”."),
        ("Trials", "1e3", "Trials must be a whole number, not “1e3”."),
        ("Epochs a trial", "1 000", "Epochs a trial must be a whole number, not “1 000”."),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(open_page, label: str, value, message: str) -> None:  # type: ignore[no-untyped-def]
    page = open_page("studies", new="first-look")
    before = address(page, "new")
    widget(page.text_input, label).set_value(str(value)).run()
    text = unescape(texts(page))
    assert message in text, text
    assert "Fix these first" in text
    assert widget(page.button, "Start").disabled
    assert widget(page.text_input, label).value == str(value)
    assert address(page, "new") == before


def test_a_grid_needs_steps_and_says_so_at_the_range(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.selectbox, "Sampler").set_value("grid").run()
    assert "Learning rate (step): a grid needs a step here, or choices" in texts(page)
    assert "Learning rate, Dropout" in texts(page)


def test_a_grid_that_is_too_large_says_how_large_and_is_not_started(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.selectbox, "Sampler").set_value("grid").run()
    widget(page.checkbox, "Learning rate logarithmic").set_value(False).run()
    widget(page.text_input, "Learning rate step").set_value("1e-4").run()
    widget(page.text_input, "Dropout step").set_value("0.001").run()
    assert "The search space makes a grid of 1,352,700 points; at most 100,000" in texts(page)
    assert widget(page.button, "Start").disabled


def test_several_objectives_switch_the_pruner_off(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.multiselect, "Objectives").set_value(["val/accuracy", "parameters"]).run()
    assert (defined(page).objectives, defined(page).pruner) == (("val/accuracy", "parameters"), "none")
    widget(page.multiselect, "Objectives").set_value(["parameters"]).run()
    assert "Objectives must hold val/loss or val/accuracy" in texts(page)


def test_a_limit_of_0_is_shown_as_what_it_means_and_an_emptied_box_is_0(open_page) -> None:
    page = open_page("studies", new="report")
    images = widget(page.text_input, "Training images at most")
    assert (images.value, images.placeholder) == ("", "all")
    images.set_value("500").run()
    assert defined(page).base.data.max_train_images == 500
    widget(page.text_input, "Training images at most").set_value("").run()
    assert defined(page).base.data.max_train_images == 0
    minutes = widget(page.text_input, "Time limit (min)")
    assert (minutes.value, minutes.placeholder) == ("", "no limit")
