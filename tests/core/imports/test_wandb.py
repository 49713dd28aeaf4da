from __future__ import annotations

import json
import shutil
from pathlib import Path

from core.imports.read import read_path
from tests.core.imports.made_files import MADE, all_points, read_expected

FILES = MADE / "wandb"


def test_every_value_step_and_time_equals_what_wandb_wrote() -> None:
    for run in read_path(FILES).runs:
        expected = {}
        for name, points in read_expected("wandb")[run.key.rpartition("/")[2]].items():
            numbers = [(step, json.loads(value), json.loads(time)) for step, value, time in points]
            if name not in ("_step", "_timestamp", "_runtime") and type(numbers[0][1]) in (int, float):
                expected[name] = [
                    [int(step), float(text).hex(), time.hex()]  # JSON knows no -0
                    for (step, _, time), (_, text, _) in zip(numbers, points, strict=True)
                ]

        assert all_points(run) == {name: points for name, points in expected.items() if not name.startswith("_")}


def test_what_a_run_tells_of_itself_is_kept() -> None:
    (run,) = read_path(FILES / "run-aaaa1111.wandb").runs

    assert (run.name, run.tags, run.note, run.state) == ("first run", ("base", "small"), "two\nlines", "finished")
    assert run.configuration["lr"] == 0.2
    assert run.configuration["model.widths"] == "[64, 128]"
    assert run.results == {"best": 0.75, "deep.x": 1.0}
    assert run.left_out["values of the type histogram"] == 1


def test_a_log_that_was_cut_keeps_its_whole_records_and_is_no_finished_run(tmp_path: Path) -> None:
    content = (FILES / "run-bbbb2222.wandb").read_bytes()
    (whole,) = read_path(FILES / "run-bbbb2222.wandb").runs
    for size in (20_000, 32_768, 32_770, 40_000, len(content) - 1):
        (tmp_path / "log").write_bytes(content[:size])
        (run,) = read_path(tmp_path / "log").runs
        count = len(run.series["loss"].steps)

        assert run.state == "interrupted"
        assert all_points(run)["loss"] == all_points(whole)["loss"][:count]
        assert abs(count - 60 * size / len(content)) < 5
        assert "cut short after" in run.remarks[0] or size == 32_768


def test_a_run_that_was_resumed_offline_is_one_run_and_says_that_steps_repeat() -> None:
    (run,) = read_path(FILES / "resumed").runs

    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 20, 0, 1, 2, 3]
    assert (run.name, run.state, run.configuration["part"]) == ("resumed", "finished", 2)
    assert run.remarks == (
        "resumed: its 3 logs repeat steps, as W&B counts from 0 again where it is offline; "
        "of each step charts show the last.",
    )


def test_the_same_log_twice_as_in_a_zip_that_followed_the_link_latest_run_counts_once(tmp_path: Path) -> None:
    for folder in ("offline-run-1", "latest-run"):
        (tmp_path / folder).mkdir()
        shutil.copy(FILES / "run-aaaa1111.wandb", tmp_path / folder)
    found = read_path(tmp_path)
    (run,) = found.runs
    (once,) = read_path(FILES / "run-aaaa1111.wandb").runs

    assert all_points(run) == all_points(once)
    assert run.remarks == once.remarks
    assert found.left_out == {"copies of a log": 1}
