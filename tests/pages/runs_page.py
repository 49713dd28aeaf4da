"""What is read from the Runs page."""

from tests.pages.conftest import component_data


def table(page) -> dict:  # type: ignore[no-untyped-def]
    return component_data(page, "resnet_lab_run_table")[0]


def names(page) -> list[str]:  # type: ignore[no-untyped-def]
    return [row["name"] for row in table(page)["rows"]]
