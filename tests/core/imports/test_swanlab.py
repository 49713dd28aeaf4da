from __future__ import annotations

from pathlib import Path

from core.imports.read import read_path
from tests.core.imports.made_files import MADE, all_points, read_expected

FILES = MADE / "swanlab"


def test_every_value_step_and_time_equals_what_swanlab_reads() -> None:
    (run,) = read_path(FILES).runs

    assert all_points(run) == read_expected("swanlab")
    assert run.series["train/loss"].steps[0] == 0
    assert run.series["falls"].values.tolist() == [1.0, 3.0]  # of step 20 the first


def test_what_a_run_tells_of_itself_is_kept() -> None:
    (run,) = read_path(FILES).runs

    assert (run.name, run.state) == ("first run", "finished")
    assert run.configuration == {"lr": 0.1, "model.depth": 18}
    assert run.left_out["media"] == 1


def test_a_log_alone_and_cut_is_a_run_that_was_interrupted(tmp_path: Path) -> None:
    (log,) = FILES.glob("*.swanlab")
    (tmp_path / "log").write_bytes(log.read_bytes()[:-20])

    (run,) = read_path(tmp_path / "log").runs

    assert run.state == "interrupted"
    assert all_points(run) == read_expected("swanlab")
    assert "cut short after" in run.remarks[0]
