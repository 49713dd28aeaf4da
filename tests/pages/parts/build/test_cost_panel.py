"""What a network costs is held against the budget."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.spec.cost import cost_of
from core.spec.presets import PRESETS
from tests.pages.build_page import (
    choose_preset,
    draft_of,
    parameters_shown,
    problems_shown,
)
from tests.pages.conftest import press, texts

OpenPage = Callable[..., AppTest]


def test_parameters_shown_equal_the_cost_of_every_preset(open_page: OpenPage) -> None:
    page = open_page("build")
    for name, preset in PRESETS.items():
        choose_preset(page, name)
        assert draft_of(page).good == preset.spec
        assert parameters_shown(page) == cost_of(preset.spec).parameters
        assert preset.source in texts(page)


def test_over_the_budget_is_said_and_fit_brings_it_under(open_page: OpenPage) -> None:
    page = open_page("build", preset="resnet18")
    assert "6,173,962 over the budget" in texts(page)
    press(page, "Fit to budget")
    assert 4_500_000 < parameters_shown(page) <= 5_000_000
    assert "over the budget" not in texts(page)


def test_a_budget_too_small_for_any_width_is_said(open_page: OpenPage) -> None:
    page = open_page("build")
    page.text_input(key="budget").set_value("1").run()
    press(page, "Fit to budget")
    assert any("the budget is 1" in problem for problem in problems_shown(page))
