from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from core.imports.read import read_path
from core.imports.table import TableColumns
from core.imports.values import Found, ImportFilesError
from tests.core.imports.made_files import MADE, all_points


def read(tmp_path: Path, text: str, columns: TableColumns | None = None) -> Found:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    return read_path(path, columns=columns)


def test_the_step_is_found_wherever_it_stands(tmp_path: Path) -> None:
    found = read(tmp_path, "loss,Epoch\n0.5,1\nnan,1\n-inf,0\n")

    assert found.details["columns"] == {"step": "Epoch", "run": "", "time": ""}
    assert all_points(found.runs[0]) == {
        "loss": [[1, (0.5).hex(), None], [1, math.nan.hex(), None], [0, (-math.inf).hex(), None]]
    }


def test_the_first_column_is_no_step_by_its_place(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "reward,loss\n7,0.5\n9,0.25\n").runs

    assert run.series["reward"].values.tolist() == [7, 9]
    assert run.series["loss"].steps.tolist() == [0, 1]
    assert "rows are counted" in run.remarks[0]


@pytest.mark.parametrize("ending", ["", ","])
def test_a_column_without_a_name_hides_none_that_has_one(tmp_path: Path, ending: str) -> None:
    # As pandas writes its row numbers, and other tools a comma at each line's end.
    rows = ["run,epoch,timestamp,loss", "a,5,1760000000,0.5", "a,6,1760000009,0.25", "b,5,1760000020,0.75"]
    numbered = [f"{number},{row}{ending}" for number, row in zip(["", 0, 1, 2], rows, strict=True)]
    found = read(tmp_path, "".join(f"{row}\n" for row in numbered))

    assert found.details["columns"] == {"step": "epoch", "run": "run", "time": "timestamp"}
    assert {run.name: run.series["loss"].steps.tolist() for run in found.runs} == {"a": [5, 6], "b": [5]}


def test_a_row_for_each_figure_is_read_beside_a_column_without_a_name(tmp_path: Path) -> None:
    (run,) = read(tmp_path, ",key,value,step\n0,val/loss,0.5,3\n1,acc,0.25,3\n").runs

    assert {name: each.values.tolist() for name, each in run.series.items()} == {"val/loss": [0.5], "acc": [0.25]}


def test_columns_are_as_chosen(tmp_path: Path) -> None:
    found = read(tmp_path, "epoch,batch,model,loss\n0,10,a,1\n0,20,b,2\n", TableColumns(step="batch", run="model"))

    assert found.columns == ("epoch", "batch", "model", "loss")
    assert {run.name: run.series["loss"].steps.tolist() for run in found.runs} == {"a": [10], "b": [20]}


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportFilesError, match=r"table\.csv has no column 'stpe', only a, b"):
        read(tmp_path, "a,b\n1,2\n", TableColumns(step="stpe"))


@pytest.mark.parametrize(
    ("text", "columns", "sentence"),
    [
        ("a,b\n0.5,1\n0.7,1\n", TableColumns(step="a"), "2 × rows without a step that is a whole number."),
        ('epoch,loss\n0,"1,234.5"\n1,"1,100.0"\n', None, "2 × cells that hold text."),
        ("epoch,loss\n", None, "table.csv holds no figures below its first line."),
    ],
)
def test_a_table_without_a_figure_says_why(
    tmp_path: Path, text: str, columns: TableColumns | None, sentence: str
) -> None:
    with pytest.raises(ImportFilesError, match=r"^table\.csv holds no figures") as caught:
        read(tmp_path, text, columns)
    assert str(caught.value).endswith(sentence)


def test_a_column_that_was_chosen_for_the_time_and_holds_none_is_told(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "step,loss,acc\n0,0.5,1\n1,,1\n2,0.25,1\n", TableColumns(time="loss")).runs

    assert run.left_out == {"times that are no moment since 1970": 2}


def test_an_empty_cell_is_no_point_and_a_constant_text_is_configuration(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "step,acc,optimizer,phase\n0,,sgd,warm\n1,0.5,sgd,main\n").runs

    assert all_points(run) == {"acc": [[1, (0.5).hex(), None]]}
    assert run.configuration == {"optimizer": "sgd"}
    assert run.left_out == {"cells that hold text": 2}


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [("1760000000.5", 1760000000.5), ("1760000000500", 1760000000.5), ("2025-10-09T08:53:20.5Z", 1760000000.5)],
)
def test_times_are_seconds_since_1970_however_written(tmp_path: Path, cell: str, seconds: float) -> None:
    (run,) = read(tmp_path, f"step,timestamp,loss\n0,{cell},1\n").runs

    assert run.series["loss"].times.tolist() == [seconds]


def test_time_since_the_start_is_a_figure_like_others(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "step,time,loss\n0,0.5,1\n1,1.5,1\n").runs

    assert sorted(run.series) == ["loss", "time"]


def test_a_row_for_each_figure_is_read_by_its_name(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "run_id,key,value,step\nr1,val/loss,0.5,3\nr1,acc,0.25,3\n").runs

    assert run.name == "r1"
    assert {name: points[0][:2] for name, points in all_points(run).items()} == {
        "val/loss": [3, (0.5).hex()],
        "acc": [3, (0.25).hex()],
    }


def test_rows_of_other_widths_are_left_out_with_a_word(tmp_path: Path) -> None:
    found = read(tmp_path, "step,loss\n0,1\n1,2,3\n2,1\n")

    assert found.runs[0].series["loss"].steps.tolist() == [0, 2]
    assert sum(found.left_out.values()) == 1


def test_a_decimal_comma_is_read_where_cells_are_parted_by_semicolons(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "step;loss\n0;0,5\n").runs

    assert run.series["loss"].values.tolist() == [0.5]


def test_a_table_without_an_end_says_so(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "step,loss\n0,0.5\n1,0.2").runs

    assert len(run.series["loss"].steps) == 2
    assert "may be cut short" in run.remarks[0]


@pytest.mark.parametrize("text", ["", "\n", "only one\n1\n", "a,b\n", "a,a\n1,2\n", "a,b\nx,y\nz,w\n", "\0,b\n1,2\n"])
def test_what_is_no_table_of_figures_is_refused_with_the_files_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImportFilesError, match=r"table\.csv"):
        read(tmp_path, text)


def test_what_aim_exports_is_read_by_run_and_figure() -> None:
    runs = read_path(MADE / "csv" / "aim.csv").runs

    assert [run.name for run in runs] == ["f3819ae012e94f20b21b6b9b", "2ccbf775e7df4198921b1ab8"]
    assert runs[0].series["train/loss"].values.tolist() == [1.0, 0.5, 1 / 3, 0.25]
    assert runs[0].configuration == {"run.hparams.lr": 0.1}


def test_a_table_that_grew_has_its_key_and_another_of_its_name_has_not(tmp_path: Path) -> None:
    def key_of(text: str) -> str:
        (tmp_path / "metrics.csv").write_text(text)
        [run] = read_path(tmp_path / "metrics.csv").runs
        return run.key

    first = key_of("step,loss\n0,2.5\n")
    assert key_of("step,loss\n0,2.5\n1,2.25\n") == first
    assert key_of("step,loss,val_loss\n0,2.5,\n1,2.25,2.5\n") == first  # as Lightning writes it anew
    assert key_of("step,loss\n0,2.75\n1,2.25\n") != first


def test_the_runs_of_a_chart_that_wandb_exported_are_apart(tmp_path: Path) -> None:
    """Its button "Export CSV": a column for each run, and the least and greatest of what a point stands for."""
    names = [f"{run} - val/loss{end}" for run in ("sun - 3", "moon-4") for end in ("", "__MIN", "__MAX")]
    head = ",".join(f'"{name}"' for name in ["Step", *names])
    (sun, moon) = read(tmp_path, f"{head}\n0,0.5,0.4,0.6,,,\n1,0.25,0.25,0.25,0.75,0.7,0.8\n2,,,,NaN,0.5,0.5\n").runs

    assert (sun.name, moon.name) == ("sun - 3", "moon-4")
    assert all_points(sun)["val/loss"] == [[0, (0.5).hex(), None], [1, (0.25).hex(), None]]
    assert moon.series["val/loss"].steps.tolist() == [1, 2]
    assert moon.series["val/loss__MAX"].values.tolist() == [0.8, 0.5]
    assert sun.key != moon.key


def test_tables_of_keras_and_lightning_are_read_by_epoch_and_by_step() -> None:
    keras, lightning = (read_path(MADE / "csv" / f"{name}.csv") for name in ("keras", "lightning"))

    assert (keras.details["columns"]["step"], lightning.details["columns"]["step"]) == ("epoch", "step")
    for found, name in ((keras, "keras"), (lightning, "lightning")):
        step = found.details["columns"]["step"]
        with open(MADE / "csv" / f"{name}.csv") as file:
            rows = list(csv.DictReader(file))
        for figure, series in found.runs[0].series.items():
            logged = [(int(row[step]), float(row[figure])) for row in rows if row[figure]]
            assert list(zip(series.steps.tolist(), series.values.tolist(), strict=True)) == logged


def test_tables_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    for version in ("version_0", "version_1"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "metrics.csv").write_text("step,loss\n0,0.5\n")

    assert [run.name for run in read_path(tmp_path).runs] == ["version_0/metrics", "version_1/metrics"]
