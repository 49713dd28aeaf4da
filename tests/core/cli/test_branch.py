"""The command `branch`, with forked workers in place of processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from core.cli.app import app
from core.launch.launcher import start_run
from core.runs.branches import read_branch
from core.runs.folder import Run
from core.runs.records import About
from core.runs.store import open_run
from tests.core.workers import tiny_spec, wait_for_state


@pytest.fixture
def parent(quick_workers: Path) -> Run:
    run = open_run(start_run(tiny_spec(), About(name="parent")))
    wait_for_state(run, "finished")
    return run


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["branch", *words])


def test_a_branch_prints_its_id_what_follows_and_its_results(parent: Run) -> None:
    done = call(parent.id, "--epoch", "4", "--set", "train.optimizer=sgd", "-s", "train.epochs=6", "-t", "x")
    assert done.exit_code == 0, done.output
    branch = open_run(done.stdout.splitlines()[0])
    assert branch.state() == "finished"
    record = read_branch(branch.path)
    assert record is not None
    assert (record["run"], record["epoch"]) == (parent.id, 4)
    assert record["changes"] == {"train.epochs": [5, 6], "train.optimizer": ["adam", "sgd"]}
    assert "SGD with momentum begins with fresh state." in done.stderr
    assert branch.about.tags == ("x",)
    assert any("began with fresh state after epoch 4" in note for note in branch.remarks())


def test_what_cannot_be_is_one_sentence_and_exit_code_2(parent: Run) -> None:
    refused = call(parent.id[-6:], "-e", "2")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "The checkpoint after epoch 2 of parent is not kept. Kept: 1, 4 and 5.\n"
    shapes = call(parent.id, "-e", "4", "-s", "model.stem_channels=8")
    assert shapes.exit_code == 2
    assert shapes.stderr.startswith("model.stem_channels = 8: must stay 4 in a branch")
    assert "must be more than 5" in call(parent.id).stderr
    assert "There is no run" in call("nothing").stderr


def test_weights_alone_begin_at_the_first_epoch(parent: Run) -> None:
    done = call(parent.id, "-e", "4", "--weights", "-s", "train.epochs=2", "-s", "data.image_size=12")
    assert done.exit_code == 0, done.output
    branch = open_run(done.stdout.splitlines()[0])
    assert list(branch.metrics()["epoch"]) == [1, 2]
    assert branch.summary().parent_use == "weights"
    assert "It takes the weights alone" in done.stderr
    shown = CliRunner().invoke(app, ["show", branch.id]).stdout
    assert f"weights of parent after epoch 4 ({parent.id})" in shown
    assert branch.summary().parent_sha256 in shown


def test_who_asks_for_other_images_is_told_of_weights(parent: Run) -> None:
    refused = call(parent.id, "-e", "4", "-s", "data.dataset=cifar10", "-s", "train.learning_rate=0.01")
    assert (refused.exit_code, refused.stdout) == (2, "")
    told = refused.stderr.splitlines()
    assert told[0].startswith('data.dataset = "cifar10": must stay digits in a branch')
    assert told[-1].startswith("With --weights it begins a training of its own")
    assert "--weights" not in call(parent.id, "-e", "4", "-s", "model.stem_channels=8").stderr
