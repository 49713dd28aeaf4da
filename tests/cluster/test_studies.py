"""A study on a real Ray cluster, one node of which is killed; and images that nodes do not have."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from core.launch.launcher import start_run
from core.runs.place import read_place
from core.runs.store import open_run
from core.studies.manage import start_workers
from tests.core.cluster.test_images import folder_spec
from tests.core.same_result import assert_same, assert_same_result, last_state
from tests.core.study_workers import logs_of, make_study, states_of, tiny_study, wait_for_end
from tests.core.workers import wait_for, wait_for_state
from tests.folders import make_folder
from tests.ray_cluster import RayCluster, train_here

pytestmark = pytest.mark.isolated("ray")


@pytest.mark.promise(
    28,
    "A study on nodes counts exactly the trials that were asked for, also where a node is killed.",
    how="eight trials by two workers on two nodes; the node of one that trains is killed",
    control="its trial's epochs and value are those of a run that was never disturbed, each epoch once",
)
def test_eight_trials_on_two_nodes_one_of_which_is_killed_are_eight_results(
    nodes: RayCluster, record_figure: Callable[[str], None]
) -> None:
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
    moves = sum(len((read_place(open_run(each).path) or {}).get("moves") or []) for each in study.trials().run_id)
    record_figure(f"8 of 8 trials finished, {moves} of which went on elsewhere")


@pytest.mark.in_full("that they are read once is tested without a cluster")
def test_images_that_a_node_does_not_have_are_those_of_this_machine(nodes: RayCluster) -> None:
    pets = make_folder(nodes.runs.parent / "pets", {"cat": 40, "dog": 40})
    spec = folder_spec(pets, epochs=2)
    run = open_run(start_run(spec, on="cluster"))
    assert wait_for_state(run, "finished", "failed", "interrupted", seconds=240) == "finished", run.log_tail()
    here = train_here(spec)
    assert_same_result(run, here)
    assert np.array_equal(run.predictions("test_labels"), here.predictions("test_labels"))
    assert run.environment()["data_fingerprint"] == here.environment()["data_fingerprint"]
