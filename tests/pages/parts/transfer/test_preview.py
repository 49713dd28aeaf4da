"""Files of other tools: read, shown before anything is kept, then imported as people said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.imports.keep import publish_foreign
from core.runs.listing import list_runs
from pages.parts.run.columns import COLUMNS_KEY
from pages.parts.transfer import take_in
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.parts.transfer.test_take_in import drop, keep

TABLE = b"step,loss,val_acc,score\n1,2.5,40,0.1\n2,1.5,60,0.2\n3,0.5,55,0.3\n"


@pytest.fixture
def runs_page(open_page: Callable[..., AppTest]) -> AppTest:
    return open_page("runs")


def test_what_was_found_is_shown_before_anything_is_kept(runs_page: AppTest) -> None:
    drop(runs_page, TABLE, "mine.csv")
    shown = texts(runs_page)
    assert "1 run of a table found. Nothing is kept yet." in shown
    assert "val/accuracy from val_acc (in percent)" in shown
    assert "3 series, 9 points, steps 1 to 3" in shown
    assert list_runs() == []
    keep(runs_page, "Import 1 run")
    assert [(run.name, run.best_val_accuracy) for run in list_runs()] == [("mine", 0.6)]
    assert "1 run imported" in texts(runs_page)


def test_another_series_is_chosen_and_is_the_guess_of_the_next_import(runs_page: AppTest) -> None:
    drop(runs_page, TABLE, "mine.csv")
    figure = next(each for each in runs_page.selectbox if each.label == "Validation accuracy")
    assert figure.value == ("val_acc",)
    figure.select(("score",)).run()
    assert "val/accuracy from score" in texts(runs_page)
    keep(runs_page, "Import 1 run")
    assert list_runs()[0].best_val_accuracy == 0.3
    drop(runs_page, TABLE.replace(b"0.3", b"0.4"), "other.csv")
    assert "val/accuracy from score" in texts(runs_page)


def test_discarding_keeps_nothing(runs_page: AppTest) -> None:
    drop(runs_page, TABLE, "mine.csv")
    press(runs_page, "Discard")
    assert list_runs() == []
    assert "Nothing is kept yet" not in texts(runs_page)


def test_what_is_here_already_is_not_imported_twice(runs_page: AppTest) -> None:
    for _ in range(2):
        drop(runs_page, TABLE, "mine.csv")
        if "Import 1 run" in labels(runs_page):
            keep(runs_page, "Import 1 run")
    assert "All of them are here already" in labels(runs_page)
    assert len(list_runs()) == 1


def test_files_that_hold_no_run_say_so(runs_page: AppTest) -> None:
    drop(runs_page, b"hello", "notes.txt")
    assert "Nothing was imported." in texts(runs_page)
    assert list_runs() == []


def test_texts_of_files_are_shown_as_text(runs_page: AppTest) -> None:
    evil = b"<img src=x onerror=alert(1)>"
    drop(runs_page, b"step," + evil + b"\n1,2\n2,3\n", "<b>mine.csv")
    assert "1 run of a table found" in texts(runs_page)
    assert evil.decode() not in texts(runs_page)
    assert "<b>mine" not in texts(runs_page)


def test_all_files_together_have_a_limit(runs_page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_in, "MAX_BYTES", 10)
    drop(runs_page, TABLE, "mine.csv")
    assert "Nothing was imported. Together they have" in texts(runs_page)


def test_runs_of_other_tools_are_found_by_their_configuration(open_page: Callable[..., AppTest]) -> None:
    publish_foreign(make_foreign(), MAPPING)
    publish_foreign(make_foreign(key="two", name="two", configuration={}), MAPPING)
    page = open_page("runs", q="augment.mixup = true")
    assert [row["name"] for row in component_data(page, "resnet_lab_run_table")[0]["rows"]] == ["one"]


def test_keys_of_a_configuration_can_be_columns(open_page: Callable[..., AppTest]) -> None:
    publish_foreign(make_foreign(), MAPPING)
    page = open_page("runs")
    page.multiselect(key=COLUMNS_KEY).set_value(["lr"]).run()
    table = component_data(page, "resnet_lab_run_table")[0]
    assert (table["columns"][-1]["label"], table["rows"][0]["cells"]["lr"]) == ("lr", "0.1")
