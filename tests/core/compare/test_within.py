"""A run's rows of steps are a run of their own to draw, the same one until they change."""

from __future__ import annotations

import pytest

from core.compare.snapshot import read_run
from core.compare.within import look_within
from core.runs import layout
from core.system import files
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")
STEP = {"step": 1, "epochs": 0.5, "seconds": 1.0, "images": 8, "loss": 16.0, "right": 4}


def test_the_same_run_comes_back_until_its_rows_change() -> None:
    run = make_run()
    path = run.path / layout.STEPS
    path.write_bytes(files.to_line(STEP))
    first, fault = look_within(read_run(run.id), "steps")
    assert (first.rows[0]["train/loss"], fault) == (2.0, "")
    assert first.column("epoch").tolist() == [0.5]
    assert look_within(read_run(run.id), "steps")[0] is first
    path.write_bytes(files.to_line(STEP) + files.to_line({**STEP, "step": 2, "images": 16, "epochs": 1}))
    assert len(look_within(read_run(run.id), "steps")[0].rows) == 2


def test_a_run_without_them_has_no_rows() -> None:
    within, fault = look_within(read_run(make_run().id), "use")
    assert (within.rows, fault) == ([], "")
