"""The table of runs finds, sorts and acts; nothing a person selected moves."""

import pytest

from core.runs.listing import Listing, list_runs
from core.runs.records import RunSummary
from core.runs.store import open_run
from pages.parts.run.table import COLUMNS, PAGE_ROWS, sort_runs
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.sample_runs import make_run, training


def table(page) -> dict:  # type: ignore[no-untyped-def]
    return component_data(page, "resnet_lab_run_table")[0]


def names(page) -> list[str]:  # type: ignore[no-untyped-def]
    return [row["name"] for row in table(page)["rows"]]


def test_without_a_run_the_page_says_what_to_do_next(open_page) -> None:
    page = open_page("runs")
    assert "start the first one" in texts(page)
    assert labels(page) == ["Build a network"]


def test_a_row_tells_best_last_and_test_apart(open_page) -> None:
    make_run(name="one", tags=["paper"])
    cells = table(open_page("runs"))["rows"][0]["cells"]
    assert (cells["best"], cells["last"], cells["test"]) == ("90.00 %", "89.00 %", "80.00 %")
    assert (cells["epoch"], cells["parameters"], cells["dataset"]) == ("5/5", "78.7 k", "digits")


def test_newest_first_unless_the_address_sorts_otherwise(open_page) -> None:
    for name, top in (("a", 0.7), ("b", 0.9), ("c", 0.8)):
        make_run(name=name, top=top)
    assert names(open_page("runs")) == ["c", "b", "a"]
    assert names(open_page("runs", sort="-best")) == ["b", "c", "a"]
    assert names(open_page("runs", sort="best")) == ["a", "c", "b"]
    assert names(open_page("runs", sort="nonsense")) == ["c", "b", "a"]


def test_runs_without_a_figure_come_last_either_way() -> None:
    runs = [RunSummary("1", "none", "queued"), RunSummary("2", "some", "finished", test_accuracy=0.5)]
    assert [run.name for run in sort_runs(runs, "test")] == ["some", "none"]
    assert [run.name for run in sort_runs(runs, "-test")] == ["some", "none"]


@pytest.mark.parametrize("order", [f"{sign}{column.name}" for column in COLUMNS for sign in ("", "-")])
def test_every_column_sorts_every_run(order: str) -> None:
    runs = [RunSummary("1", "x", "damaged"), RunSummary("2", "y", "finished", curve=(0.1,), tags=("t",))]
    assert {run.id for run in sort_runs(runs, order)} == {"1", "2"}


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ({"q": "WIDE"}, ["wide net"]),
        ({"q": "net wide"}, ["wide net"]),
        ({"q": "paper"}, ["deep net"]),
        ({"state": "Stopped"}, ["wide net"]),
        ({"tag": "paper"}, ["deep net"]),
        ({"data": "CIFAR-10"}, ["wide net"]),
        ({"archived": "true"}, ["old net", "wide net", "deep net"]),
        ({}, ["wide net", "deep net"]),
    ],
)
def test_search_and_filters_come_from_the_address(open_page, address: dict[str, str], found: list[str]) -> None:
    make_run(name="deep net", tags=["paper"])
    make_run("stopped", name="wide net", preset="report", settings=("train.epochs=7",), epochs_done=3)
    make_run(name="old net", archived=True)
    assert names(open_page("runs", **address)) == found


def test_a_search_that_finds_nothing_says_so_and_can_be_cleared(open_page) -> None:
    make_run(name="here")
    page = open_page("runs", q="nowhere")
    assert "No runs match" in texts(page)
    assert names(press(page, "Show all runs")) == ["here"]


def test_selected_runs_are_drawn_together_in_their_own_colours(open_page) -> None:
    runs = [make_run(name=name) for name in ("a", "b")]
    page = open_page("runs", select=",".join(run.id for run in runs))
    assert "<b>2</b> selected" in texts(page)
    charts = component_data(page, "resnet_lab_chart")
    assert [chart["title"] for chart in charts] == ["Loss", "Accuracy"]
    colours = {row["name"]: row["colour"] for row in table(page)["rows"]}
    assert all(colour in charts[0]["figure"] for colour in colours.values())


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


def test_actions_reach_all_selected_runs_they_fit(open_page) -> None:
    runs = [make_run(name=name) for name in ("a", "b")]
    running = make_run(epochs_done=1, name="c")
    with training(running):
        page = open_page("runs", select=",".join(run.id for run in [*runs, running]))
        assert "Stop 1" in labels(page)
        press(page, "Stop 1")
        assert running.stop_requested
        press(page, "Archive")
    assert all(run.about.archived for run in [*runs, running])


def test_a_tag_is_added_to_and_removed_from_many_at_once(open_page) -> None:
    runs = [make_run(name="a", tags=["keep"]), make_run(name="b")]
    page = open_page("runs", select=",".join(run.id for run in runs))
    page.text_input(key="bar.tag").set_value("sweep").run()
    press(page, "Add")
    assert [open_run(run.id).about.tags for run in runs] == [("keep", "sweep"), ("sweep",)]
    press(page, "Remove")
    assert [open_run(run.id).about.tags for run in runs] == [("keep",), ()]


def test_a_damaged_run_is_listed_with_its_reason_and_hurts_no_other(open_page) -> None:
    make_run(name="whole")
    broken = make_run(name="broken")
    (broken.path / "spec.json").write_text("not json")
    rows = {row["name"]: row for row in table(open_page("runs"))["rows"]}
    assert rows["broken"]["state"]["label"] == "Damaged"
    assert "spec.json" in rows["broken"]["state"]["help"]
    assert rows["whole"]["cells"]["best"] == "90.00 %"


def test_many_runs_are_paged_and_the_browser_gets_one_page(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(name="real")
    real = list_runs()[0]
    many = [RunSummary(**{**real.__dict__, "name": f"run {place}"}) for place in range(2 * PAGE_ROWS + 1)]
    monkeypatch.setattr("core.runs.listing.list_known", lambda: Listing(many))
    assert len(names(open_page("runs"))) == PAGE_ROWS
    assert names(open_page("runs", page="3")) == [f"run {2 * PAGE_ROWS}"]
