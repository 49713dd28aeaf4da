"""What is read from and chosen on the Compare page."""

from typing import Any

from streamlit.testing.v1 import AppTest

from core.runs.folder import Run
from tests.pages.conftest import component_data


def address_of(*runs: Run) -> str:
    return ",".join(run.id for run in runs)


def table(page: AppTest) -> dict[str, Any]:
    return component_data(page, "resnet_lab_compare_table")[0]


def names(page: AppTest) -> list[str]:
    return [row["name"] for row in table(page)["rows"]]


def choose(page: AppTest, label: str, value: Any) -> AppTest:
    """Sets the control that reads so."""
    kinds = ("selectbox", "toggle", "multiselect", "button_group")
    control = next(each for kind in kinds for each in page.get(kind) if each.label == label)
    control.set_value(value).run()
    assert not page.exception, page.exception
    return page
