"""The table of runs finds, sorts and acts; nothing a person selected moves."""

import re

import pytest

from core.runs.listing import Listing, list_runs
from core.runs.records import RunSummary
from core.runs.store import open_run
from pages.parts.run.table import PAGE_ROWS
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.runs_page import names, table
from tests.pages.sample_runs import make_run


def test_without_a_run_the_page_says_what_to_do_next(open_page) -> None:
    page = open_page("runs")
    assert "start the first one" in texts(page)
    assert labels(page) == ["Build a network"]


def test_selected_runs_are_drawn_together_in_their_own_colours(open_page) -> None:
    runs = [make_run(name=name) for name in ("a", "b")]
    page = open_page("runs", select=",".join(run.id for run in runs))
    assert "<b>2</b> selected" in texts(page)
    charts = component_data(page, "resnet_lab_chart")
    assert [chart["title"] for chart in charts] == ["Loss", "Accuracy"]
    colours = {row["name"]: row["colour"] for row in table(page)["rows"]}
    lights = [re.findall(r"#\w{6}", colour)[0] for colour in colours.values()]
    assert all(light in charts[0]["figure"] for light in lights)
    assert len(set(lights)) == 2  # told apart, whatever their own are


def test_the_curves_of_a_damaged_run_are_still_drawn(open_page) -> None:
    whole, damaged = (make_run(name=name) for name in ("whole", "damaged"))
    (damaged.path / "spec.json").write_text("{")
    charts = component_data(open_page("runs", select=f"{whole.id},{damaged.id}"), "resnet_lab_chart")
    assert all(f"{damaged.id}-val-" in chart["figure"] for chart in charts)


def test_the_selection_holds_ids_so_a_new_run_does_not_move_it(open_page) -> None:
    first = make_run(name="first")
    page = open_page("runs", select=first.id)
    make_run(name="second")
    page.run()
    assert names(page) == ["second", "first"]
    assert table(page)["selected"] == [first.id]


def test_who_searches_does_not_wait_for_a_look_at_every_folder(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        make_run(name=name)
    page = open_page("runs")
    looks = []
    monkeypatch.setattr("core.runs.listing._list_names", lambda _: looks.append(1) or [])
    page.text_input(key="q").set_value("second").run()
    assert names(page) == ["second"]
    assert not looks
    page.run()
    assert looks  # whatever else it runs for, it looks


def test_a_tag_is_added_to_and_removed_from_many_at_once(open_page) -> None:
    runs = [make_run(name="a", tags=["keep"]), make_run(name="b")]
    page = open_page("runs", select=",".join(run.id for run in runs))
    page.text_input(key="bar.tag").set_value("sweep").run()
    press(page, "Add")
    assert [open_run(run.id).about.tags for run in runs] == [("keep", "sweep"), ("sweep",)]
    press(page, "Remove")
    assert [open_run(run.id).about.tags for run in runs] == [("keep",), ()]


def test_many_runs_are_paged_and_the_browser_gets_one_page(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(name="real")
    real = list_runs()[0]
    many = [RunSummary(**{**real.__dict__, "name": f"run {place}"}) for place in range(2 * PAGE_ROWS + 1)]
    monkeypatch.setattr("core.runs.listing.list_known", lambda **_: Listing(many))
    assert len(names(open_page("runs"))) == PAGE_ROWS
    assert names(open_page("runs", page="3")) == [f"run {2 * PAGE_ROWS}"]
