"""Runs are read once and again when they change; what is missing or damaged gets a sentence."""

import json
import shutil
from typing import Any

import numpy as np
import pytest

from core.compare.curves import draw_curves
from core.compare.lines import CurveView
from core.compare.snapshot import MAX_RUNS, look_at, read_run, read_runs
from core.system import files
from tests.compared_runs import look, units_of
from tests.pages.sample_runs import make_rows, make_run, training

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_an_unchanged_run_comes_back_as_the_same_object() -> None:
    ended, live = make_run(), make_run("interrupted", epochs_done=2)
    assert look(ended, live) == look(ended, live)


def test_a_new_epoch_a_new_name_and_an_end_are_seen_at_the_next_look() -> None:
    run = make_run(epochs_done=2)
    with training(run):
        before = read_run(run.id)
        (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(3))))
        grown = read_run(run.id)
        assert (len(before.rows), len(grown.rows)) == (2, 3)
        run.update_about(name="renamed")
        assert read_run(run.id).name == "renamed"
        assert read_run(run.id).is_active
    files.write_json(run.path / "end.json", {"state": "finished", "metrics": {"test/accuracy": 0.5}})
    assert read_run(run.id).results == {"test/accuracy": 0.5}
    assert read_run(run.id).state == "finished"


def test_metrics_that_are_written_again_replace_what_was_read_before() -> None:
    run = make_run("interrupted", epochs_done=4)
    with training(run):
        first = read_run(run.id).column("val/loss")
        for epochs, top in ((3, 0.5), (6, 0.5), (7, 0.5)):
            (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(epochs, top))))
            seen = read_run(run.id)
            for column in ("epoch", "val/accuracy"):
                assert seen.column(column).tolist() == [row[column] for row in make_rows(epochs, top)]
    assert first.tolist() == [row["val/loss"] for row in make_rows(4)]


def test_a_worker_that_dies_is_seen_though_no_file_changes() -> None:
    run = make_run("interrupted", epochs_done=2)
    with training(run):
        assert read_run(run.id).state == "running"
    assert read_run(run.id).state == "interrupted"


@pytest.mark.parametrize("run_id", ["", "nope", "../../etc/passwd", "20260101-000000-000-abcdef", "a" * 5000, "\0"])
def test_an_unknown_id_gets_a_sentence_and_the_rest_stays(run_id: str) -> None:
    run = make_run()
    found = look_at([run_id, run.id])
    assert [each.id for each in found.runs] == [run.id]
    assert len(found.problems) == 1
    assert "There is no run" in found.problems[0]


def test_a_run_deleted_or_damaged_after_the_first_look_gets_a_sentence() -> None:
    kept, deleted, damaged = make_run(), make_run(), make_run()
    assert len(look(kept, deleted, damaged)) == 3
    shutil.rmtree(deleted.path)
    (damaged.path / "spec.json").write_text("{")
    found = look_at([kept.id, deleted.id, damaged.id])
    assert [run.id for run in found.runs] == [kept.id]
    assert any(deleted.id in problem and "deleted" in problem for problem in found.problems)
    assert any(damaged.id in problem and "spec.json" in problem for problem in found.problems)


def test_no_more_than_the_most_are_compared_and_it_is_said() -> None:
    found = look_at([f"nope {number}" for number in range(MAX_RUNS + 1)])
    assert f"Only the first {MAX_RUNS} of {MAX_RUNS + 1}" in found.problems[-1]


def test_a_run_whose_rows_hold_nonsense_is_left_out_with_the_line_named_and_breaks_nothing() -> None:
    run, sound = make_run(), make_run()
    rows: list[dict[str, Any]] = [*make_rows(3), {"epoch": 4, "val/loss": "x", "val/accuracy": [1]}, {"epoch": True}]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    seen = look_at([run.id, sound.id])
    assert [each.id for each in seen.runs] == [sound.id]
    assert "metrics.jsonl, line 4: val/loss" in seen.problems[0]
    (whole,) = read_runs([run.id])  # what came before the line is drawn on its own page
    assert len(whole.rows) == 3


def test_a_row_that_goes_wrong_and_is_mended_is_seen_at_once() -> None:
    run = make_run()
    path = run.path / "metrics.jsonl"
    sound = path.read_bytes()
    assert look_at([run.id]).runs
    path.write_bytes(sound + b'{"epoch": "x"}\n')
    assert not look_at([run.id]).runs
    assert read_run(run.id).damage
    path.write_bytes(sound)
    assert look_at([run.id]).runs
    assert not read_run(run.id).damage


def test_a_figure_that_is_null_or_absent_is_a_gap_and_the_curve_is_drawn() -> None:
    run = make_run()
    rows = [*make_rows(3), {"epoch": 4, "val/loss": None}, {"epoch": 5}]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    (unit,) = units_of(run)
    assert np.isnan(unit.first.column("val/loss")).tolist() == [False, False, False, True, True]
    assert json.loads(draw_curves("loss", [unit], CurveView()).figure)["data"]
