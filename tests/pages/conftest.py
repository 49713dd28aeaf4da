"""Pages run in this process against folders of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_folders(lab_folders: Path) -> Path:
    return lab_folders


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Runs one page with the address's parameters; fails where the page raises."""

    def run_page(name: str, /, **address: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=30)
        for key, value in address.items():
            page.query_params[key] = value
        page.run()
        assert not page.exception, page.exception
        return page

    return run_page


def texts(page: AppTest) -> str:
    """Everything a page says, HTML included."""
    parts = [element.proto.body for element in page.get("html")]
    parts += [
        element.value for kind in ("markdown", "caption", "info", "error", "warning") for element in page.get(kind)
    ]
    return "\n".join(parts)


def component_data(page: AppTest, name: str) -> list[dict[str, Any]]:
    """What each component of this name was handed."""
    protos = [element.proto for element in page.get("bidi_component")]
    return [json.loads(proto.json) for proto in protos if proto.component_name == name]


def press(page: AppTest, label: str) -> AppTest:
    """Presses the button that reads so."""
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception, page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]
