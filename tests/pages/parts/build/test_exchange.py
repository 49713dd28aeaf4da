"""A spec is taken in as JSON, or refused with its reasons."""

import json
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.spec.presets import PRESETS
from pages.parts.build.exchange import name_spec
from tests.pages.build_page import (
    draft_of,
    problems_shown,
)
from tests.pages.conftest import press

OpenPage = Callable[..., AppTest]


def test_json_is_taken_in(open_page: OpenPage) -> None:
    page = open_page("build")
    page.text_area[0].set_value(PRESETS["report"].spec.model_dump_json()).run()
    press(page, "Use this spec")
    assert draft_of(page).good == PRESETS["report"].spec
    assert [toast.value for toast in page.toast] == [
        "The form holds the imported spec: 3 block layers, 2.65 M parameters, 20 epochs."
    ]


def test_wrong_json_is_named_and_leaves_the_form(open_page: OpenPage) -> None:
    page = open_page("build")
    page.text_area[0].set_value(json.dumps({"train": {"epochs": 0, "epoch": 3}})).run()
    press(page, "Use this spec")
    said = problems_shown(page)
    assert "train.epochs must be at least 1." in said
    assert any("did you mean epochs?" in sentence for sentence in said)
    assert draft_of(page).good == PRESETS["first-look"].spec


def test_what_is_wrong_with_all_of_a_spec_is_said_once(open_page: OpenPage) -> None:
    page = open_page("build")
    press(page, "Use this spec")
    assert problems_shown(page) == ["The spec is empty."]


def test_the_file_of_a_spec_is_called_by_the_run_that_it_is_for() -> None:
    assert name_spec("base, wide") == "base-wide-spec"
    assert name_spec("") == name_spec("模型") == "spec"
