"""Each field is searched as its row says."""

from __future__ import annotations

from core.spec.presets import PRESETS
from core.studies.spec import parse_study
from pages.parts.studies.draft import around, pack
from tests.pages.conftest import press, texts
from tests.pages.sample_studies import SPACE
from tests.pages.studies_page import defined, widget


def test_another_field_is_searched_within_its_own_range(open_page) -> None:
    page = open_page("studies", new=pack(around(PRESETS["first-look"].spec)))
    widget(page.selectbox, "Search another field").set_value("model.layers[1].channels").run()
    dimension = defined(page).space[-1]
    assert dimension.path == "model.layers[1].channels"
    assert dimension.low < PRESETS["first-look"].spec.model.layers[1].channels < dimension.high
    assert "Layer 2 channels" in texts(page)
    # All layers at once would overlap with one of them.
    options = widget(page.selectbox, "Search another field").options
    assert not any(option.startswith("All layers' channels") for option in options)


def test_a_range_becomes_choices_and_then_a_fixed_value_of_the_network(open_page) -> None:
    page = open_page("studies", new="first-look")
    mode = widget(page.selectbox, "How to search Learning rate")
    mode.set_value("choices").run()
    widget(page.text_input, "Choices of Learning rate").set_value("0.001; 0.01").run()
    assert defined(page).space[0].choices == (0.001, 0.01)
    widget(page.selectbox, "How to search Learning rate").set_value("fixed").run()
    widget(page.text_input, "Value of Learning rate").set_value("0.004").run()
    study = defined(page)
    assert "train.learning_rate" not in [dimension.path for dimension in study.space]
    assert study.base.train.learning_rate == 0.004


def test_an_empty_space_is_told(open_page) -> None:
    page = open_page("studies", new=pack(parse_study({"space": SPACE[:1]})))
    press(page, "Remove Learning rate")
    assert "The search space is empty: choose at least one field to search" in texts(page)
    assert widget(page.button, "Start").disabled
