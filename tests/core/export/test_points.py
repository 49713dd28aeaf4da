"""What a run has logged, as points, whatever logged it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from core.export.make import export_runs
from core.export.points import find_start, list_moments
from core.imports.keep import publish_foreign
from core.runs.folder import Run
from core.runs.series import Series
from core.runs.store import open_run
from core.system import files
from tests.branched import make_branch
from tests.core.export.conftest import START
from tests.core.imports.foreign_runs import BEGUN, make_foreign, make_series
from tests.pages.sample_runs import make_run


def test_a_resumed_run_began_with_its_first_process(run: Run) -> None:
    files.write_json(run.path / "environment-1.json", {"started": START - 1000})
    (run.path / "environment-2.json").write_text("{")
    assert find_start(run) == START - 1000


def test_a_run_that_never_started_began_when_it_was_made(run: Run) -> None:
    (run.path / "environment.json").unlink()
    assert find_start(run) == run.about.created


def test_figures_of_one_step_and_time_are_one_moment_and_a_repeated_one_another(runs: Path) -> None:
    series = {"a": make_series([1, 1], [1.0, 2.0]), "b": make_series([1, 3], [3.0, 4.0])}
    run = open_run(publish_foreign(make_foreign(series=series), {}))
    assert [(moment.step, moment.time, moment.values) for moment in list_moments(run)] == [
        (1, BEGUN, {"a": 1.0, "b": 3.0}),
        (1, BEGUN + 1, {"a": 2.0}),
        (3, BEGUN + 1, {"b": 4.0}),
    ]
    assert find_start(run) == BEGUN


def test_a_time_that_is_not_finite_is_none(runs: Path) -> None:
    times = np.array([math.inf, -math.inf, BEGUN])
    series = {"a": Series(np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0]), times)}
    run = open_run(publish_foreign(make_foreign(series=series), {}))
    found = [(moment.step, str(moment.time)) for moment in list_moments(run)]
    assert found == [(1, "nan"), (2, "nan"), (3, str(BEGUN))]
    for format in ("mlflow", "wandb"):
        assert "inf" not in export_runs([run.id], format).path.read_text()


def test_a_branch_began_when_its_parents_epochs_would_have(runs: Path) -> None:
    root = make_run(name="root")
    branch = make_branch(root, 3)
    environment = branch.environment() | {"started": 1.8e9}
    files.write_json(branch.path / "environment.json", environment)
    assert find_start(branch) == 1.8e9 - 9.0  # three seconds an epoch
    assert list_moments(branch)[3].time == 1.8e9 + 3.0
