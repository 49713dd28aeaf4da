"""A study on a real Ray cluster, one node of which is killed; and images that nodes do not have."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from core.launch.launcher import start_run
from core.runs.store import open_run
from core.studies.manage import start_workers
from tests.core.cluster.test_images import folder_spec
from tests.core.same_result import assert_same, assert_same_result, last_state
from tests.core.study_workers import logs_of, make_study, states_of, tiny_study, wait_for_end
from tests.core.workers import wait_for, wait_for_state
from tests.folders import make_folder
from tests.ray_cluster import RayCluster, train_here

pytestmark = [pytest.mark.isolated("ray"), pytest.mark.xdist_group("cluster")]


def test_eight_trials_on_two_nodes_one_of_which_is_killed_are_eight_results(nodes: RayCluster) -> None:
    study = make_study(tiny_study(trials=8, sampler="random", train={"epochs": 8}))
    start_workers("tiny", 2, "cluster")
    wait_for(lambda: (study.trials().state == "finished").sum() >= 2, 180)

    def find_process() -> int | None:
        running = study.trials().query("state == 'running'").run_id
        return next((pid for run_id in running if (pid := open_run(run_id).environment().get("pid"))), None)

    pid = int(wait_for(find_process, 60))
    with suppress(StopIteration):  # it has just ended
        nodes.kill(nodes.node_of(pid))
    nodes.add_node()
    wait_for_end(study, 400)
    assert states_of(study) == {"finished": 8}, logs_of(study)
    for trial in study.trials().itertuples():
        run = open_run(trial.run_id)
        assert list(run.metrics()["epoch"]) == list(range(1, 9))
        assert trial.value == pytest.approx(run.metrics()["val/loss"].min())
    run = open_run(study.trials().run_id.iloc[0])
    assert_same(last_state(run), last_state(train_here(run.spec)))


def test_images_that_a_node_does_not_have_are_those_of_this_machine(full: bool, nodes: RayCluster) -> None:
    if not full:
        pytest.skip("that they are read once is tested without a cluster; in full: make test-cluster")
    pets = make_folder(nodes.runs.parent / "pets", {"cat": 40, "dog": 40})
    spec = folder_spec(pets, epochs=2)
    run = open_run(start_run(spec, on="cluster"))
    assert wait_for_state(run, "finished", "failed", "interrupted", seconds=240) == "finished", run.log_tail()
    here = train_here(spec)
    assert_same_result(run, here)
    assert np.array_equal(run.predictions("test_labels"), here.predictions("test_labels"))
    assert run.environment()["data_fingerprint"] == here.environment()["data_fingerprint"]
