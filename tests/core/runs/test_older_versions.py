"""Runs, studies and zips that an earlier version wrote open unchanged.

`tests/kept/` holds what commit 8df3be9 wrote (torch 2.15, two cores): three runs of a network of 4,234 parameters on
the built-in digits (one of them stopped in its second epoch), a study of three trials, and a zip of two of the runs.
The id of the machine's boot and its kernel's name were replaced.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from core.engine.examine import predict
from core.examine.history import read_history
from core.examine.weights import find_weights, name_file
from core.export.archive.unpack import import_runs
from core.launch.launcher import resume_run
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.studies.study import list_studies, open_study
from tests.core.workers import wait_for_state

KEPT = Path(__file__).parents[2] / "kept"
FINISHED, MUON, STOPPED = "20261128-165904-830-259a44", "20261128-165913-677-a32528", "20261128-170002-361-68aa4b"
TRIALS = ["20261128-170054-738-52db72", "20261128-170058-124-a63af6", "20261128-170101-325-7b2314"]


@pytest.fixture
def old_runs(runs: Path) -> Path:
    """The runs folder as the earlier version left it."""
    with tarfile.open(KEPT / "runs-8df3be9.tar.xz") as archive:
        archive.extractall(runs.parent, filter="data")
    return runs


def test_old_runs_are_listed_with_their_figures(old_runs: Path) -> None:
    found = {summary.id: summary for summary in list_runs()}
    assert {run_id: found[run_id].state for run_id in found} == {
        FINISHED: "finished",
        MUON: "finished",
        STOPPED: "stopped",
        **dict.fromkeys(TRIALS, "finished"),
    }
    first = found[FINISHED]
    assert (first.name, first.tags, first.parameters, first.epoch) == ("kept, finished", ("old",), 4234, 2)
    assert (first.best_val_accuracy, first.test_accuracy) == (0.45751633986928103, 0.5037037037037037)
    assert found[MUON].optimizer == "muon"
    assert found[MUON].test_accuracy == 0.24814814814814815
    assert found[TRIALS[0]].is_untested


@pytest.mark.parametrize("run_id", [FINISHED, MUON])
def test_old_weights_predict_what_they_predicted(old_runs: Path, run_id: str) -> None:
    run = open_run(run_id)
    stored = run.predictions("val_best")
    assert stored is not None
    piece = predict(name_file(run, find_weights(run, "best")), "val", 0, 1000)
    # Stored as float16; another CPU adds in another order.
    np.testing.assert_allclose(piece.logits.astype(np.float64), stored.astype(np.float64), atol=0.02)
    assert read_history(run).num_epochs == 2


def test_an_old_stopped_run_goes_on_from_its_checkpoint(old_runs: Path, quick_workers: Path) -> None:
    run = open_run(STOPPED)
    before = run.rows()
    resume_run(STOPPED)
    wait_for_state(run, "finished", seconds=120)
    assert run.rows()[: len(before)] == before
    assert len(run.rows()) == 8
    assert not [line for line in run.log_tail().splitlines() if "checkpoint" in line.lower() and "cannot" in line]


def test_an_old_study_opens_with_its_trials(old_runs: Path) -> None:
    [summary] = list_studies()
    assert (summary.name, summary.state, summary.done) == ("kept", "finished", 3)
    trials = open_study("kept").trials()
    assert list(trials["run_id"]) == TRIALS
    assert list(trials["value"].round(5)) == [1.40826, 1.32178, 2.01914]
    assert trials["params.train.learning_rate"].iloc[1] == pytest.approx(0.00406335, abs=1e-8)


def test_an_old_zip_is_taken_in_whole(old_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("RESNET_LAB_RUNS", str(elsewhere))
    assert {imported.id for imported in import_runs(KEPT / "two-runs-8df3be9.zip")} == {FINISHED, STOPPED}
    for run_id in (FINISHED, STOPPED):
        run = open_run(run_id)
        rows = (old_runs / run_id / "metrics.jsonl").read_text().splitlines()
        assert run.rows() == [json.loads(row) for row in rows]
        assert [file.kind for file in run.checkpoints()]
    assert open_run(FINISHED).summary().test_accuracy == 0.5037037037037037
