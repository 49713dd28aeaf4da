"""Columns of any field and figure: chosen, ordered, sorted by and taken away."""

import csv
import io

import pytest

from core.imports.keep import publish_foreign
from core.runs.listing import list_runs
from core.text.formats import format_ago, format_moment
from pages.parts.run.columns import COLUMNS_KEY, list_fields, make_column, name_choices, write_table
from pages.parts.run.table import sort_runs
from tests.core.imports.foreign_runs import BEGUN, MAPPING, make_foreign
from tests.pages.runs_page import names, table
from tests.pages.sample_runs import make_run


def headings(page) -> list[str]:
    return [column["label"] for column in table(page)["columns"]]


def test_columns_are_chosen_and_ordered_and_stay_in_the_address(open_page) -> None:
    make_run(name="a", settings=("train.epochs=5", "train.optimizer=muon", "train.learning_rate=0.02"))
    make_run(name="b", settings=("train.epochs=5", "train.learning_rate=0.005"))
    page = open_page("runs")
    assert headings(page)[:3] == ["Name", "State", "Best val."]
    page.multiselect(key=COLUMNS_KEY).set_value(["test/loss", "train.learning_rate", "name", "train.optimizer"]).run()
    assert not page.exception
    assert headings(page) == ["Test loss, last weights", "Learning rate", "Name", "Optimizer"]
    cells = {row["name"]: row["cells"] for row in table(page)["rows"]}
    assert cells["a"]["train.optimizer"] == "Muon"
    assert (cells["a"]["train.learning_rate"], cells["b"]["train.learning_rate"]) == ("0.02", "0.005")
    assert cells["a"]["test/loss"] == "0.5000"
    assert "train.learning_rate" in page.query_params["columns"]


def test_choices_of_one_label_are_told_apart(open_page) -> None:
    """The browser names what was chosen by its label alone: of the field Epochs came the column Epochs."""
    make_run(name="a")
    page = open_page("runs")
    page.multiselect(key=COLUMNS_KEY).set_value(["name", "train.epochs"]).run()
    assert [column["name"] for column in table(page)["columns"]] == ["name", "train.epochs"]
    assert {"Epochs", "Epochs (train.epochs)"} <= set(page.multiselect(key=COLUMNS_KEY).options)
    keys = ["optimizer.param_groups.0.lr", "optimizer.param_groups.1.lr"]
    long = [f"{key}.of.the.first.stage.scheduled" for key in keys]
    assert len(set(name_choices([*keys, *long]).values())) == 4


def test_the_name_is_there_whatever_is_chosen(open_page) -> None:
    make_run(name="a")
    page = open_page("runs")
    page.multiselect(key=COLUMNS_KEY).set_value(["train.seed"]).run()
    assert headings(page) == ["Name", "Seed"]


def test_a_field_is_sorted_by_its_value(open_page) -> None:
    for name, rate in (("a", "0.1"), ("b", "0.02"), ("c", "0.003")):
        make_run(name=name, settings=("train.epochs=5", f"train.learning_rate={rate}"))
    runs, columns = list_runs(), [make_column("train.learning_rate")]
    assert [run.name for run in sort_runs(runs, "-train.learning_rate", columns)] == ["a", "b", "c"]
    assert [run.name for run in sort_runs(runs, "train.learning_rate", columns)] == ["c", "b", "a"]


@pytest.mark.parametrize("sign", ["", "-"])
def test_every_field_can_be_a_column(lab_folders, sign: str) -> None:
    make_run(name="a")
    broken = make_run(name="broken")
    (broken.path / "spec.json").write_text("{")
    runs = list_runs()
    for name in list_fields(runs):
        column = make_column(name)
        assert column.label
        assert len(sort_runs(runs, sign + name, [column])) == 2
        assert all(isinstance(column.show(run), str) for run in runs)


def test_the_table_is_taken_away_as_it_is_shown(lab_folders) -> None:
    make_run(name="=1+1", tags=["x", "y"])
    columns = [
        make_column(name) for name in ("name", "test", "tags", "train.optimizer", "seconds", "curve", "test/loss")
    ]
    [row] = csv.DictReader(io.StringIO(write_table(list_runs(), columns).decode()))
    assert row.pop("id")
    assert row == {
        **{"name": "'=1+1", "test": "0.8", "tags": "x, y", "train.optimizer": "Adam"},
        **{"seconds": "15.0", "test/loss": "0.5"},
    }


def test_what_is_cut_or_told_as_of_now_in_the_table_is_whole_in_the_file(lab_folders) -> None:
    path = "/datasets/imagenet/resized-to-64/train"
    run_id = publish_foreign(make_foreign(configuration={"root": path}), MAPPING)
    columns = [make_column(name) for name in ("created", "root")]
    runs = list_runs()
    assert [column.show(runs[0]) for column in columns] == [format_ago(BEGUN), "/datasets/image…64/train"]
    [row] = csv.DictReader(io.StringIO(write_table(runs, columns).decode()))
    assert row == {"id": run_id, "name": "one", "created": format_moment(BEGUN), "root": path}


def test_the_page_offers_the_table(open_page) -> None:
    make_run(name="a")
    page = open_page("runs")
    assert names(page) == ["a"]
    assert "Table as CSV" in [button.proto.label for button in page.get("download_button")]
