"""A study whose trials nodes train: one warm process a worker, and exact counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.place import read_place
from core.runs.store import open_run
from core.studies import manage
from core.studies.manage import check_start, start_workers
from core.studies.storage import StudyError
from core.studies.study import open_study
from tests.core import study_workers
from tests.core.cluster.plain_node import PlainCluster, fork_driver
from tests.core.study_workers import logs_of, make_study, states_of, tiny_study, wait_for_end


@pytest.fixture
def nodes(quick_workers: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlainCluster]:
    monkeypatch.setattr(manage, "start_process", study_workers.start_module)
    monkeypatch.setattr(study_workers, "SETUP", _use_plain_nodes)
    with PlainCluster(quick_workers) as cluster:
        yield cluster


def _use_plain_nodes() -> None:
    from core.cluster import link

    link.start_driver = fork_driver  # type: ignore[assignment]


def test_trials_are_trained_on_nodes_one_after_the_other_in_one_warm_process(nodes: PlainCluster) -> None:
    study = make_study(tiny_study(trials=4))
    start_workers("tiny", 1, "cluster")
    wait_for_end(study)
    assert states_of(study) == {"finished": 4}, logs_of(study)
    runs = [open_run(run_id) for run_id in study.trials().run_id]
    assert {run.environment()["node"] for run in runs} == {"node-1"}
    assert len({run.environment()["pid"] for run in runs}) == 1
    assert all(run.summary().is_untested for run in runs)
    assert all(read_place(run.path) for run in runs)
    assert open_study("tiny").is_on_cluster()


def _prune_all() -> None:
    from core.studies import worker

    _use_plain_nodes()
    worker.should_prune = lambda *_: True


def test_a_pruned_trial_frees_its_node_for_the_next(nodes: PlainCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_workers, "SETUP", _prune_all)
    study = make_study(tiny_study(trials=3, train={"epochs": 10_000}))
    start_workers("tiny", 1, "cluster")
    wait_for_end(study)
    assert states_of(study) == {"pruned": 3}, logs_of(study)


def test_what_no_node_can_train_is_said_before_the_first_trial(nodes: PlainCluster) -> None:
    with pytest.raises(StudyError, match="no node of the cluster has a GPU"):
        check_start(tiny_study(train={"device": "cuda"}), "cluster")
