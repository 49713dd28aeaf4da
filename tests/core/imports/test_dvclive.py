from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

from core.imports.read import read_path
from tests.core.imports.made_files import MADE, all_points

FILES = MADE / "dvclive"


def test_every_value_and_step_equals_what_stands_in_the_tables() -> None:
    (run,) = read_path(FILES).runs
    found = all_points(run)

    for name in ("train/loss", "timed"):
        with open(FILES / "dvclive" / "plots" / "metrics" / f"{name}.tsv", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        assert found[name] == [
            [
                int(row["step"]),
                float(row[name.rpartition("/")[2]]).hex(),
                (int(row["timestamp"]) / 1000).hex() if "timestamp" in row else None,
            ]
            for row in rows
        ]
    assert len(found["train/loss"]) == 10  # also what was logged after it was resumed
    assert run.configuration == {"lr": 0.1, "model.depth": 18, "model.widths": "[64, 128]"}


def test_a_time_that_came_late_does_not_become_the_step() -> None:
    (run,) = read_path(FILES).runs
    shifted = run.series["shifted"]

    assert shifted.steps.tolist() == list(range(8))
    assert [math.isnan(time) for time in shifted.times] == [True] * 5 + [False] * 3
    assert shifted.values.tolist() == [index / 7 for index in range(8)]


def test_the_key_is_that_of_the_folder_its_parameters_and_its_first_point(tmp_path: Path) -> None:
    shutil.copytree(FILES / "dvclive", tmp_path / "dvclive")
    table = tmp_path / "dvclive" / "plots" / "metrics" / "timed.tsv"
    keys = [run.key for run in read_path(FILES).runs]
    rows = table.read_text().splitlines(keepends=True)
    time, step, _ = rows[-1].split("\t")
    table.write_text("".join(rows) + f"{time}\t{int(step) + 1}\t0.5\n")
    keys += [run.key for run in read_path(tmp_path / "dvclive").runs]  # it has grown, and lies elsewhere
    (tmp_path / "dvclive" / "params.yaml").write_text("lr: 0.2\n1: mixed\n2026-01-01: keys\n")
    keys += [run.key for run in read_path(tmp_path).runs]
    for each in table.parent.rglob("*.tsv"):  # another training with the same parameters
        head, *rows = each.read_text().splitlines(keepends=True)
        each.write_text(head + "".join(f"{row.rstrip()}1\n" for row in rows))
    keys += [run.key for run in read_path(tmp_path).runs]

    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_a_metric_named_step_has_lost_its_axis_and_is_told(tmp_path: Path) -> None:
    shutil.copytree(FILES / "dvclive", tmp_path / "dvclive")
    (tmp_path / "dvclive" / "plots" / "metrics" / "step.tsv").write_text("step\n1.5\n2.5\n")

    (run,) = read_path(tmp_path).runs

    assert "step" not in run.series
    assert run.remarks == ("step.tsv: left out, as its columns are step.",)


def test_parameters_that_refer_to_themselves_unfold_to_nothing(tmp_path: Path) -> None:
    shutil.copytree(FILES / "dvclive", tmp_path / "dvclive")
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    (tmp_path / "dvclive" / "params.yaml").write_text("\n".join(lines))

    (run,) = read_path(tmp_path).runs

    assert run.configuration == {}
    assert run.series
