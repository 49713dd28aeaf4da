"""The Lab shows each node with what it trains, and how another machine joins; never the token."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from core.cluster.access import make_token, read_token
from core.machine.nodes import Cluster, Node, write_cluster
from core.system.folders import runs_folder
from tests.pages.conftest import texts
from tests.pages.sample_runs import make_run, training

Open = Callable[..., AppTest]
GPU_BOX: dict[str, Any] = {
    "id": "a",
    "name": "box <1>",
    "device": "NVIDIA H200",
    "cpus": 16,
    "gpus": 2,
    "cpus_free": 15,
    "gpus_free": 1.5,
    "memory": 128e9,
    "memory_used": 32e9,
}
CPU_BOX: dict[str, Any] = {"id": "b", "name": "box-2", "cpus": 4, "cpus_free": 4}


def show(open_page: Open, *nodes: dict[str, Any], written: float = 0.0) -> AppTest:
    joined = {"since": time.time() - 7200}
    write_cluster(runs_folder(), Cluster("10.0.0.5:6379", (Node({**joined, **node}) for node in nodes), written))
    return open_page("lab")


def test_a_row_tells_devices_memory_and_the_runs_in_it(open_page: Open) -> None:
    run = make_run(name="far away", epochs_done=1)
    with training(run):
        text = texts(show(open_page, {**GPU_BOX, "runs": [run.id]}, CPU_BOX))
    assert "box &lt;1&gt;" in text
    assert "NVIDIA H200 · 2 GPUs · 16 CPUs" in text
    assert f'href="run?id={run.id}">far away' in text
    assert "0.5 of 2 taken" in text
    assert "32.0 GB of 128 GB" in text
    assert "0 of 4 taken" in text
    assert "joined 2 h ago" in text


def test_a_trial_is_found_by_what_its_own_folder_says(open_page: Open) -> None:
    """A study's process on a node keeps the name of its first trial."""
    first, trial = make_run(name="first"), make_run(name="second", epochs_done=1)
    path = trial.path / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "node": "box-2"}))
    with training(trial):
        text = texts(show(open_page, GPU_BOX, {**CPU_BOX, "runs": [first.id]}))
    row = text[text.index("<b>box-2</b>") : text.index("Another machine joins")]
    assert ">second</a>" in row
    assert ">first</a>" not in row


def test_a_lost_node_says_when_and_trains_nothing(open_page: Open) -> None:
    text = texts(show(open_page, {**GPU_BOX, "lost": time.time() - 300, "runs": ["x"]}))
    assert "lost 5 min ago" in text
    assert "taken" not in text


def test_a_silent_cluster_is_told_as_such(open_page: Open) -> None:
    text = texts(show(open_page, GPU_BOX, written=time.time() - 600))
    assert "last heard of 10 min ago" in text
    assert "taken" not in text


def test_without_a_cluster_the_page_says_how_to_start_one(open_page: Open) -> None:
    text = texts(open_page("lab"))
    assert "python -m core cluster up" in text
    assert "cluster join" not in text


def test_the_line_for_joining_is_there_to_copy_and_the_token_is_not(open_page: Open) -> None:
    make_token(runs_folder())
    page = show(open_page, CPU_BOX)
    assert [code.value for code in page.code] == ["python -m core cluster join 10.0.0.5:6379"]
    assert read_token(runs_folder()) not in str(page.main)
