"""The Build page: what is shaped is what is counted, what is wrong is named, and one click is one run."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.spec.cost import cost_of
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.pages.build_page import (
    draft_of,
    key_of,
    layer_key,
    parameters_shown,
    problems_shown,
    set_number,
)
from tests.pages.conftest import labels, texts
from tests.pages.parts.build.conftest import pictures  # noqa: F401 - the page asks the same helper process

OpenPage = Callable[..., AppTest]


def test_first_visit_shows_a_network_that_needs_no_download(open_page: OpenPage) -> None:
    page = open_page("build")
    assert parameters_shown(page) == cost_of(PRESETS["first-look"].spec).parameters
    assert "Start" in labels(page)
    assert problems_shown(page) == []


def test_a_number_typed_changes_the_count(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    set_number(page, layer_key(page, 2, "channels"), 128)
    wanted = parse_spec(
        apply_settings(PRESETS["report"].spec.model_dump(mode="json"), ["model.layers[2].channels=128"])
    )
    assert draft_of(page).good == wanted
    assert parameters_shown(page) == cost_of(wanted).parameters


def test_an_even_filter_is_named_at_its_layer_and_blocks_start(open_page: OpenPage) -> None:
    page = open_page("build")
    before = parameters_shown(page)
    set_number(page, layer_key(page, 1, "filter_size"), 4)
    assert "Layer 2 filter must be odd, so that padding keeps the size." in problems_shown(page)
    assert next(button for button in page.button if button.label == "Start").disabled
    assert parameters_shown(page) == before, "the cost is that of the last network that can be run"
    assert "lab-stale" in texts(page)
    set_number(page, layer_key(page, 1, "filter_size"), 5)
    assert problems_shown(page) == []
    assert "lab-stale" not in texts(page)


def test_a_number_out_of_range_is_named_at_its_field(open_page: OpenPage) -> None:
    page = set_number(page := open_page("build"), key_of(page, "train.epochs"), 0)
    assert "Epochs must be at least 1." in problems_shown(page)


def test_a_rule_between_fields_is_named_where_it_can_be_mended(open_page: OpenPage) -> None:
    page = set_number(page := open_page("build"), key_of(page, "model.pool_size"), 9)
    assert "Pool size is larger than the last map, 8x8." in problems_shown(page)


def test_reset_takes_back_a_change_that_cannot_be_used(open_page: OpenPage) -> None:
    page = open_page("build")
    assert page.button(key="reset").disabled
    set_number(page, layer_key(page, 1, "filter_size"), 4)
    set_number(page, key_of(page, "train.epochs"), 0)
    reset = page.button(key="reset")
    assert (reset.label, reset.disabled) == ("Reset · 2", False)
    assert reset.help == "Changed: Layer 2 filter, Epochs"
    reset.click().run()
    assert problems_shown(page) == []
    assert draft_of(page).good == PRESETS["first-look"].spec
    assert page.button(key="reset").disabled


def test_start_comes_before_the_form_for_the_keyboard(open_page: OpenPage) -> None:
    page = open_page("build")
    assert labels(page).index("Start") < labels(page).index("Add layer")
