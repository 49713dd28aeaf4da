"""Runs, studies and zips that an earlier version wrote open unchanged.

`tests/kept/` holds what commit 8df3be9 wrote (torch 2.15, two cores): three runs of a network of 4,234 parameters on
the built-in digits (one of them stopped in its second epoch), a study of three trials, and a zip of two of the runs.
Commit f05dd54 was the last one that wrote checkpoints of format 1: a run of 1,478 parameters with weight averaging,
Lookahead, layer norms and losses by step, a branch from its second epoch, and a run that a script logged.
The id of the machine's boot and its kernel's name were replaced.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from core.engine.examine import predict
from core.examine.history import read_history
from core.examine.weights import find_weights, name_file
from core.export.archive.pack import pack_runs
from core.export.archive.unpack import import_runs
from core.launch.branches import list_forks
from core.launch.launcher import resume_run
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.studies.study import list_studies, open_study
from tests.core.workers import wait_for_state

KEPT = Path(__file__).parents[2] / "kept"
FINISHED, MUON, STOPPED = "20261128-165904-830-259a44", "20261128-165913-677-a32528", "20261128-170002-361-68aa4b"
PARENT, BRANCH, LOGGED = "20261129-150714-047-2c491f", "20261129-150727-606-da5506", "20261129-150736-886-db6931"
TRIALS = ["20261128-170054-738-52db72", "20261128-170058-124-a63af6", "20261128-170101-325-7b2314"]


@pytest.fixture
def old_runs(runs: Path) -> Path:
    """The runs folder as the earlier version left it."""
    with tarfile.open(KEPT / "runs-8df3be9.tar.xz") as archive:
        archive.extractall(runs.parent, filter="data")
    return runs


@pytest.fixture
def old_branch(runs: Path) -> Path:
    """The runs folder with a branch and a run of a script, as the commit left it that still wrote pickles."""
    with tarfile.open(KEPT / "runs-f05dd54.tar.xz") as archive:
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


def test_an_old_branch_is_listed_with_its_parent_and_what_was_noted_within_epochs(old_branch: Path) -> None:
    found = {summary.id: summary for summary in list_runs()}
    assert {run_id: found[run_id].state for run_id in found} == dict.fromkeys((PARENT, BRANCH, LOGGED), "finished")
    assert (found[BRANCH].parent, found[BRANCH].parent_epoch) == (PARENT, 2)
    branch = open_run(BRANCH)
    assert [row["step"] for row in branch.steps().rows] == list(range(1, 17))
    assert branch.use().rows
    assert [fork.epoch for fork in list_forks(branch)] == [2, 3, 4]
    series = open_run(LOGGED).series()
    assert not series.fault
    assert [row["val/accuracy"] for row in open_run(LOGGED).rows()] == [0.5, 0.6, 0.7]


def test_an_old_branch_goes_on_from_its_root(old_branch: Path, quick_workers: Path) -> None:
    branch = open_run(BRANCH)
    before = branch.rows()
    shutil.rmtree(branch.path / "checkpoints")
    (branch.path / "end.json").write_text('{"state": "stopped", "reason": "", "metrics": {}}')
    resume_run(BRANCH)
    wait_for_state(branch, "finished", seconds=120)
    assert branch.rows()[:2] == before[:2]
    for name in ("train/loss", "val/loss", "learning_rate"):  # another CPU adds in another order
        assert [row[name] for row in branch.rows()] == pytest.approx([row[name] for row in before], rel=1e-3)
    assert {entry.path.suffix for entry in branch.checkpoints()} == {".safetensors"}


def test_an_old_branch_travels_with_its_parent(
    old_branch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "branch.zip").open("wb") as file:
        assert pack_runs([BRANCH], file) == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("RESNET_LAB_RUNS", str(elsewhere))
    assert {imported.id for imported in import_runs(tmp_path / "branch.zip")} == {PARENT, BRANCH}
    assert (elsewhere / BRANCH / "root.pt").read_bytes() == (old_branch / BRANCH / "root.pt").read_bytes()
