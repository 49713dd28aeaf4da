"""The Build page under test: its draft, its widgets by field, and the figures that it shows."""

import re
from typing import Any

from streamlit.testing.v1 import AppTest

from pages.parts.build.draft import KEY, Draft
from pages.parts.frame.numbers import write_number
from tests.pages.conftest import texts


def draft_of(page: AppTest) -> Draft:
    draft: Draft = page.session_state[KEY]
    return draft


def key_of(page: AppTest, name: str) -> str:
    """The widget's key: `train.epochs`, or `layer0.channels` for the layer made first."""
    return draft_of(page).widget_key(name)


def layer_key(page: AppTest, place: int, name: str) -> str:
    """The widget's key for the layer that stands at a place, from 0."""
    return key_of(page, f"layer{draft_of(page).rows[place]}.{name}")


def set_number(page: AppTest, key: str, value: Any) -> AppTest:
    page.text_input(key=key).set_value(write_number(value)).run()
    assert not page.exception, page.exception
    return page


def choose_preset(page: AppTest, name: str) -> AppTest:
    page.selectbox(key=key_of(page, "preset")).select(name).run()
    assert not page.exception, page.exception
    return page


def parameters_shown(page: AppTest) -> int:
    found = re.search(r'data-testid="parameters">([\d,]+)<', texts(page))
    assert found, "the page shows no parameters"
    return int(found.group(1).replace(",", ""))


def problems_shown(page: AppTest) -> list[str]:
    return re.findall(r'<p class="lab-problem" role="alert">(.*?)</p>', texts(page))


def widget_keys(page: AppTest) -> set[str]:
    """The fields that have a widget, as `train.epochs`."""
    kinds = (page.selectbox, page.toggle, page.slider, page.text_input)
    start = draft_of(page).widget_key("")
    keys = [widget.key for widgets in kinds for widget in widgets if widget.key]
    return {key.removeprefix(start) for key in keys if key.startswith(start)}
