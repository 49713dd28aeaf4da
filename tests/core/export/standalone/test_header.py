"""The first lines of a standalone script say which run it trains, what that reached and how to start it."""

import pytest

from core.export.standalone.header import describe_run
from core.runs.folder import Run
from core.spec import DataSpec, RunSpec
from core.system import files
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


def describe(run: Run, spec: RunSpec | None = None) -> list[str]:
    return list(describe_run(run, spec or run.spec))


def test_a_finished_run_tells_its_figures_and_what_it_was_computed_with() -> None:
    run = make_run(name="A run")
    environment = {"versions": {"torch": "2.9", "rich": "14"}, "python": "3.11", "precision": "float32", "threads": 4}
    files.write_json(run.path / "environment.json", run.environment() | environment)
    lines = describe(run)
    assert lines[0] == "Trains the run A run once more, from its images to its test accuracy."
    assert [line.split()[-1] for line in lines if line.startswith("    test accuracy")] == ["82.00%", "80.00%"]
    assert "What it was computed with: Python 3.11, torch 2.9;" in lines
    assert "A CPU (cpu), float32, 4 threads." in lines


def test_a_run_that_has_not_ended_says_how_far_it_came() -> None:
    lines = describe(make_run("stopped", epochs_done=2))
    assert "The run is stopped, after 2 of 5 epochs; this script trains all of them." in lines
    assert "The run has not begun, so it is not known what it computes with." in lines


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (DataSpec(dataset="digits"), "python train.py"),
        (DataSpec(dataset="cifar10"), "python train.py --data data --download"),
        (DataSpec(dataset="folder", folder="pets", folder_classes=3), "python train.py --data pets"),
    ],
)
def test_the_command_fetches_what_can_be_fetched(data: DataSpec, command: str) -> None:
    assert f"    {command}" in describe(make_run(), RunSpec(data=data))
