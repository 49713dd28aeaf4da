"""What is read from and typed into the Studies page."""

from __future__ import annotations

from pages.parts.studies.draft import unpack
from tests.pages.conftest import component_data


def address(page, name: str) -> str:  # type: ignore[no-untyped-def]
    """A parameter of the page's address, which is a list where the page has set it."""
    value = page.query_params[name]
    return value if isinstance(value, str) else value[0]


def defined(page):  # type: ignore[no-untyped-def]
    """The study that the page's address holds."""
    return unpack(address(page, "new"))


def widget(kind, label: str):  # type: ignore[no-untyped-def]
    return next(found for found in kind if found.label == label)


def rows(page) -> list[dict]:  # type: ignore[no-untyped-def]
    return component_data(page, "resnet_lab_run_table")[0]["rows"]
