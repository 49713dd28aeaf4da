"""The page of a run that another tool logged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.imports.keep import publish_foreign
from tests.core.imports.foreign_runs import MAPPING, make_foreign, make_series
from tests.pages.conftest import component_data, texts


def open_run_page(open_page: Callable[..., AppTest], tab: str = "", **changes: object) -> AppTest:
    run_id = publish_foreign(make_foreign(**changes), MAPPING)
    page = open_page("run", id=run_id, **({"tab": tab} if tab else {}))
    assert not page.exception, page.exception
    return page


def test_it_says_where_it_came_from_and_offers_only_what_it_can(open_page: Callable[..., AppTest]) -> None:
    page = open_run_page(open_page)
    assert "from TensorBoard, without a spec of this lab" in texts(page)
    labels = {button.label for button in page.button}
    assert {"Build from it", "Compare", "Archive", "Delete"} <= labels
    assert not labels & {"Resume", "Examine", "Clone", "Test"}


def test_all_its_series_are_drawn_twelve_at_once_and_found_by_name(open_page: Callable[..., AppTest]) -> None:
    points = make_series([1, 2], [0.5, 0.25])
    page = open_run_page(open_page, series={f"layer{number}/norm": points for number in range(30)})
    assert len(component_data(page, "resnet_lab_chart")) == 12
    page.text_input(key="series").input("LAYER7").run()
    assert [chart["title"] for chart in component_data(page, "resnet_lab_chart")] == ["layer7/norm"]


def test_its_configuration_and_what_was_left_out_are_told(open_page: Callable[..., AppTest]) -> None:
    page = open_run_page(open_page, "Config")
    assert "augment.mixup" in texts(page)
    assert "<td>0.1</td>" in texts(page)
    page = open_run_page(open_page, "Summary", left_out={"images": 12}, remarks=("events.1: cut short",))
    assert "Left out: 12 × images." in texts(page)
    assert "events.1: cut short" in texts(page)
    assert "test_acc of TensorBoard" in texts(page)


def test_what_needs_a_network_of_this_lab_is_not_offered_to_be_taken_away(open_page: Callable[..., AppTest]) -> None:
    shown = texts(open_run_page(open_page, "Take away"))
    assert "Run folder" in shown
    assert not [title for title in ("ONNX", "safetensors", "train.py") if title in shown]


@pytest.mark.parametrize("tab", ["", "Summary", "Config", "Take away"])
def test_texts_of_files_are_shown_as_text(open_page: Callable[..., AppTest], tab: str) -> None:
    evil = "<img src=x onerror=alert(1)>"
    page = open_run_page(
        open_page,
        tab,
        name=evil,
        key=evil,
        series={evil: make_series([1, 2], [1.0, 2.0])},
        configuration={evil: evil, "lr": evil},
        tags=(evil,),
        note=evil,
        left_out={evil: 1},
        remarks=(evil,),
    )
    assert evil not in texts(page)
