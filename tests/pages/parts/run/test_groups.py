"""Groups of runs: means with their spread, and of how many runs."""

import csv
import io
import statistics
from dataclasses import replace
from types import SimpleNamespace

import pytest

from core.imports.keep import publish_foreign
from core.runs.listing import Listing, list_runs
from core.runs.records import RunSummary
from pages.parts.run.columns import GROUP_KEY, SEEDS, make_column
from pages.parts.run.groups import Group, make_groups, mean_of, show_cell, write_groups
from pages.parts.run.table import PAGE_ROWS
from tests.compared_runs import units_of
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import make_run


def make_three() -> None:
    for seed, top in ((0, 0.9), (1, 0.88), (2, 0.95)):
        make_run(name=f"adam {seed}", top=top, settings=("train.epochs=5", f"train.seed={seed}"))
    make_run("failed", name="muon", epochs_done=0, settings=("train.epochs=5", "train.optimizer=muon"))


def test_seeds_fold_into_mean_and_spread(lab_folders) -> None:
    make_three()
    muon, adam = make_groups(list_runs(), SEEDS)
    assert (muon.name, adam.name) == ("muon", "adam 0 and 2 more")
    best = make_column("best")
    tops = [0.9, 0.88, 0.95]
    assert mean_of(adam, best) == statistics.fmean(tops)
    assert show_cell(adam, best) == f"{100 * statistics.fmean(tops):.2f} ± {100 * statistics.stdev(tops):.2f} %"
    assert show_cell(muon, best) == "–"
    assert show_cell(adam, make_column("train.optimizer")) == "Adam"
    assert show_cell(adam, make_column("train.seed")) == "1 ± 1"
    assert adam.target[0] == "compare.py"
    assert len(adam.target[1]["ids"].split(",")) == 3
    assert muon.target == ("run.py", {"id": muon.runs[0].id})


def test_a_mean_of_a_field_has_four_digits_and_its_unit_once(lab_folders) -> None:
    for rate, images in ((0.001, 300), (0.0007, 400), (0.0123, 500)):
        settings = (f"train.learning_rate={rate}", f"data.max_train_images={images}")
        make_run(name=str(rate), settings=("train.epochs=5", *settings))
    [group] = make_groups(list_runs(), "train.epochs")
    assert show_cell(group, make_column("train.learning_rate")) == "0.004667 ± 0.006612"
    assert show_cell(group, make_column("data.max_train_images")) == "400 ± 100 images"
    runs = [RunSummary(id=str(n), name="", state="finished", seconds=60.0 * n, epoch=1) for n in (3, 4, 5)]
    lasting = Group("g", tuple(runs))
    assert show_cell(lasting, make_column("seconds")) == "4 min 00 s ± 1 min 00 s"


def test_a_mean_says_of_how_many_runs_it_is(lab_folders) -> None:
    make_three()
    [group] = make_groups(list_runs(), "train.epochs")
    assert group.name == "5"
    assert show_cell(group, make_column("best")).endswith(" % (3 of 4)")
    assert show_cell(group, make_column("train.optimizer")) == "2 different"


def test_the_page_shows_a_row_a_group_that_opens_its_runs(open_page) -> None:
    make_three()
    page = open_page("runs", group="train.optimizer")
    [shown] = component_data(page, "resnet_lab_run_table")
    assert [column["label"] for column in shown["columns"]][:3] == ["Optimizer", "Runs", "Best val."]
    assert [(row["name"], row["cells"]["count"]) for row in shown["rows"]] == [("Adam", "3"), ("Muon", "1")]
    assert shown["rows"][0]["href"].startswith("compare?ids=")
    assert "2 groups of 4 runs" in texts(page)
    page = open_page("runs", group="train.optimizer", sort="name")
    assert page.selectbox(key=GROUP_KEY).value == "train.optimizer"


def test_a_group_opens_though_a_newer_run_has_joined_it_since(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser names a group by the first of the runs that it had there."""
    first, second = (make_run(name=f"wide seed {s}", settings=("train.epochs=5", f"train.seed={s}")) for s in (0, 1))
    went: list[tuple[str, str]] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: went.append((page, query_params["ids"])))
    for clicked in (first.id, "20260101-000000-000-abcdef"):
        event = SimpleNamespace(open=clicked, sort=None)
        monkeypatch.setattr("pages.parts.run.groups.show_groups", lambda *_, event=event, **__: event)
        open_page("runs", group=SEEDS)
    assert went == [("compare.py", f"{second.id},{first.id}")]


def test_a_group_has_the_name_that_it_has_in_compare(lab_folders) -> None:
    runs = [make_run(name=f"wide seed {seed}", settings=("train.epochs=5", f"train.seed={seed}")) for seed in range(3)]
    (group,) = make_groups(list_runs(), SEEDS)
    (unit,) = units_of(*runs)
    assert group.name == unit.name == "wide"


def test_groups_leave_as_a_table_with_the_spread_of_each_figure(open_page) -> None:
    make_three()
    columns = [make_column(name) for name in ("name", "best", "train.optimizer", "curve")]
    muon, adam = csv.DictReader(io.StringIO(write_groups(make_groups(list_runs(), SEEDS), SEEDS, columns).decode()))
    tops = [0.9, 0.88, 0.95]
    assert adam == {
        **{"Group": "adam 0 and 2 more", "runs": "3", "train.optimizer": "Adam", "best n": "3"},
        **{"best": str(statistics.fmean(tops)), "best std": str(statistics.stdev(tops))},
    }
    assert (muon["best"], muon["best std"], muon["best n"]) == ("", "", "0")
    page = open_page("runs", group=SEEDS)
    assert "Table as CSV" in [button.proto.label for button in page.get("download_button")]


def test_long_words_that_begin_and_end_alike_are_told_apart(lab_folders) -> None:
    for key in ("a", "b"):
        root = f"/datasets/images/resized-{key}-to-64/train"
        publish_foreign(make_foreign(key=key, configuration={"lr": 0.1, "root": root}), MAPPING)
    (group,) = make_groups(list_runs(), "lr")
    column = make_column("root")
    assert len({column.show(run) for run in group.runs}) == 1, "cut, they are the same"
    assert show_cell(group, column) == "2 different"
    [row] = csv.DictReader(io.StringIO(write_groups([group], "lr", [column]).decode()))
    assert row["root"] == "2 different"


def test_many_groups_are_paged(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [
        RunSummary(f"20261129-{seed:06d}-000-abcdef", f"run {seed}", "finished", configuration=(("train.seed", seed),))
        for seed in range(1, PAGE_ROWS + 4)
    ]
    monkeypatch.setattr("core.runs.listing.list_known", lambda *_, **__: Listing(listed))
    page = open_page("runs", group="train.epochs")
    assert len(component_data(page, "resnet_lab_run_table")[0]["rows"]) == 1
    listed = [replace(run, configuration=(("train.epochs", place),)) for place, run in enumerate(listed, 1)]
    page = open_page("runs", group="train.epochs")
    assert len(component_data(page, "resnet_lab_run_table")[0]["rows"]) == PAGE_ROWS
    assert f"{PAGE_ROWS + 3} groups" in texts(page)


def test_what_is_searched_is_grouped(open_page) -> None:
    make_three()
    page = open_page("runs", group=SEEDS, q="optimizer = adam")
    [shown] = component_data(page, "resnet_lab_run_table")
    assert [row["name"] for row in shown["rows"]] == ["adam 0 and 2 more"]
