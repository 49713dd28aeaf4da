"""Build asks where to train only while a cluster is up."""

import os
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.launch import launcher
from core.machine.nodes import Cluster, Node, write_cluster
from core.machine.versions import describe_versions
from core.runs.listing import list_runs
from core.runs.place import read_place
from core.runs.store import open_run
from core.spec.link import to_link
from core.system.folders import runs_folder
from tests.core.workers import tiny_spec
from tests.pages.conftest import press, texts

OpenPage = Callable[..., AppTest]
KEY = "build.on"


@pytest.fixture
def cluster(lab_folders: object) -> None:
    """Three nodes of one CPU each."""
    nodes = [Node({"id": str(number), "name": "box", "cpus": 1, **describe_versions()}) for number in range(3)]
    write_cluster(runs_folder(), Cluster("10.0.0.1:6379", nodes))


@pytest.mark.usefixtures("lab_folders")
def test_without_a_cluster_nothing_is_asked(open_page: OpenPage) -> None:
    page = open_page("build")
    assert not [group for group in page.button_group if group.key == KEY]


@pytest.mark.usefixtures("cluster")
def test_the_cluster_is_offered_with_its_free_places_and_the_run_goes_there(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.switch_page", lambda *_, **__: None)
    monkeypatch.setattr(launcher, "_start_process", lambda run: os.getpid())
    page = open_page("build")
    group = page.button_group(key=KEY)
    assert group.options == ["Here", "Cluster (3 free)"]
    group.set_value("cluster").run()
    press(page, "Start")
    (summary,) = list_runs()
    assert read_place(open_run(summary.id).path) == {}


@pytest.mark.usefixtures("cluster")
def test_what_no_node_can_train_is_said_before_the_start(open_page: OpenPage) -> None:
    page = open_page("build", spec=to_link(tiny_spec(device="cuda")))
    page.button_group(key=KEY).set_value("cluster").run()
    assert "no node of the cluster has a GPU" in texts(page)
    assert next(button for button in page.button if button.label == "Start").disabled
