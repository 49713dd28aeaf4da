"""The command `import` with files of other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.runs.listing import list_runs
from core.runs.store import open_run
from tests.strict_json import strict

TABLE = "step,loss,val_acc,score\n1,2.5,40,0.1\n2,1.5,60,0.2\n3,0.5,55,0.3\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    return path


def test_a_table_becomes_a_run_with_its_figures(core: Callable[..., Result], table: Path) -> None:
    shown = core("import", str(table), "--step", "step")
    assert shown.exit_code == 0, shown.stderr
    run = open_run(shown.stdout.strip())
    assert (run.summary().best_val_accuracy, run.summary().tool) == (0.6, "a table")
    assert "val/accuracy from val_acc (in percent)" in shown.stderr
    assert run.series().series["score"].values.tolist() == [0.1, 0.2, 0.3]


def test_a_dry_run_tells_and_keeps_nothing(core: Callable[..., Result], table: Path) -> None:
    shown = core("import", str(table), "--step", "step", "--dry-run")
    assert "would be imported from a table.\n  3 series, 9 points, steps 1 to 3" in shown.stderr
    assert (shown.stdout, list_runs()) == ("", [])


def test_a_series_that_was_named_is_kept_as_the_rule_for_the_next_import(
    core: Callable[..., Result], table: Path
) -> None:
    core("import", str(table), "--step", "step", "--map", "score=val/accuracy")
    assert list_runs()[0].best_val_accuracy == 0.3
    told = strict(core("import", str(table), "--step", "step", "--json").stdout)
    assert [(each["outcome"], each["figures"]["val/accuracy"]["series"]) for each in told] == [("here", "score")]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("score=val/f1", "--map score=val/f1: must be NAME=FIGURE"),
        ("nothing=val/accuracy", "no run has a series 'nothing'"),
    ],
)
def test_a_wrong_map_is_told(core: Callable[..., Result], table: Path, option: str, sentence: str) -> None:
    shown = core("import", str(table), "--step", "step", "--map", option)
    assert (shown.exit_code, list_runs()) == (2, [])
    assert sentence in shown.stderr


def test_what_a_tool_does_not_tell_is_null_for_programs_and_no_heading_for_people(
    core: Callable[..., Result], tmp_path: Path
) -> None:
    bare, seeded = tmp_path / "bare.csv", tmp_path / "seeded.csv"
    bare.write_text("step,loss\n1,0.5\n2,0.25\n")
    seeded.write_text("run_id,key,value,step,seed,lr\nr1,val/loss,0.5,3,0,0.1\n")
    first, second = core("import", str(bare), str(seeded)).stdout.split()
    for told in (
        {run["id"]: run for run in strict(core("runs", "--json").stdout)},
        {run_id: strict(core("show", run_id, "--json").stdout) for run_id in (first, second)},
    ):
        names = ("seed", "learning_rate", "batch_size", "parameters", "seconds")
        assert [told[first][name] for name in names] == [None] * 5
        assert [told[second][name] for name in names] == [0, 0.1, None, None, None]
    units = strict(core("compare", first, second, "--json").stdout)["units"]
    assert [unit["seeds"] for unit in units] == [[None], [0]]
    assert "Its configuration" not in core("show", first).stdout
    assert "Its configuration" in core("show", second).stdout
