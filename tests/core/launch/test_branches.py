"""A branch is an ordinary run that owns its root; what keeps one from beginning is told in a sentence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from core.engine import checkpoint
from core.launch.branches import (
    BranchError,
    add_epochs,
    find_fork,
    list_forks,
    list_problems,
    start_branch,
    suggest_name,
    tell_fork,
)
from core.launch.disk import delete_checkpoints, measure_runs
from core.launch.launcher import delete_run, resume_run, start_run
from core.runs.branches import read_branch
from core.runs.folder import Run
from core.runs.records import About, RunNotFoundError
from core.runs.store import open_run
from core.spec.parse import SpecError
from core.spec.settings import set_values
from core.system import files
from tests.core.same_result import assert_same_result, last_state
from tests.core.workers import tiny_spec, wait_for, wait_for_state
from tests.pages.sample_runs import add_checkpoint, make_run, training


@pytest.fixture
def parent(quick_workers: Path) -> Run:
    """A finished run of five epochs; those after the fourth and the fifth are kept, and the best."""
    run = open_run(start_run(tiny_spec(), About(name="parent")))
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    return run


def finish(run_id: str) -> Run:
    run = open_run(run_id)
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    return run


def reopen(run: Run) -> None:
    """As if its process had died before the end was written."""
    wait_for(lambda: not run.is_alive())
    (run.path / "end.json").unlink()


def refusal(run: Run, epoch: int | None = None) -> str:
    with pytest.raises(BranchError) as raised:
        find_fork(run.id, epoch)
    return str(raised.value)


def test_an_unchanged_branch_is_what_its_parent_was_and_its_record_says_whose_it_is(parent: Run) -> None:
    fork = find_fork(parent.id, 4)
    branch = finish(start_branch(fork, parent.spec))
    assert_same_result(branch, parent)
    record, summary = read_branch(branch.path), branch.summary()
    assert record is not None
    assert (record["run"], record["epoch"], record["use"], record["changes"]) == (parent.id, 4, "line", {})
    assert (summary.parent, summary.parent_name, summary.parent_epoch) == (parent.id, "parent", 4)
    assert checkpoint.load(parent.checkpoints()[-2].path, summary.parent_sha256)["epoch"] == 4
    steps = [[{**row, "seconds": 0} for row in run.steps().rows] for run in (branch, parent)]
    assert steps[0] == steps[1]
    assert branch.damage() == ""


def test_the_same_branch_twice_has_the_same_weights_also_after_its_parent_is_gone(parent: Run) -> None:
    fork = find_fork(parent.id, 4)
    other = set_values(parent.spec, {"train.epochs": 7, "train.learning_rate": 0.01, "train.batch_size": 16})
    one = finish(start_branch(fork, other))
    delete_run(parent.id)
    # From the first branch's own root.
    again = find_fork(one.id, 4)
    two = finish(start_branch(again, other))
    assert_same_result(two, one)
    assert read_branch(two.path)["line"] == [{"run": parent.id, "name": "parent", "epoch": 4}]


def test_clean_up_and_deletion_leave_a_branch_its_root(parent: Run) -> None:
    branch = finish(start_branch(find_fork(parent.id, 4), set_values(parent.spec, {"train.epochs": 6})))
    sha256 = read_branch(branch.path)["sha256"]
    own = [entry.path.stat().st_size for entry in parent.checkpoints() if entry.epoch != 4]
    assert next(use for use in measure_runs() if use.run_id == branch.id).bytes < sum(
        path.stat().st_size for path in branch.path.rglob("*") if path.is_file()
    ), "the root is on the disk once"
    manifest = (parent.path / "checkpoints" / "manifest.json").stat().st_size
    assert delete_checkpoints(parent.id) == sum(own) + manifest, "what the branch has of it is not free"
    assert "its checkpoints are gone" in refusal(parent)
    delete_checkpoints(branch.id)
    delete_run(parent.id)
    assert [entry.epoch for entry in list_forks(branch)] == [4]
    assert checkpoint.load(branch.path / "root.safetensors", sha256)["epoch"] == 4


def test_a_branch_without_a_checkpoint_of_its_own_resumes_from_its_root(parent: Run) -> None:
    branch = finish(start_branch(find_fork(parent.id, 4), set_values(parent.spec, {"train.epochs": 6})))
    before = last_state(branch)
    reopen(branch)
    for entry in branch.checkpoints():
        entry.path.write_bytes(b"damaged")
    resume_run(branch.id)
    finish(branch.id)
    assert "Went on from where it branched off, after epoch 4." in branch.remarks()
    assert list(branch.metrics()["epoch"]) == [1, 2, 3, 4, 5, 6]
    after = last_state(branch)
    assert all((after["model"][name] == value).all() for name, value in before["model"].items())


def test_a_branch_whose_root_was_changed_fails_in_a_sentence(parent: Run) -> None:
    branch = open_run(start_branch(find_fork(parent.id, 4), set_values(parent.spec, {"train.epochs": 6})))
    finish(branch.id)
    reopen(branch)
    shutil.rmtree(branch.path / "checkpoints")
    os.unlink(branch.path / "root.safetensors")
    (branch.path / "root.safetensors").write_bytes(b"something else")
    resume_run(branch.id)
    assert wait_for_state(branch, "finished", "failed") == "failed"
    assert "root.safetensors is damaged: its SHA-256 is not the one" in branch.summary().reason


def test_more_epochs_for_a_finished_run(parent: Run) -> None:
    fork = find_fork(parent.id)
    longer = add_epochs(fork, 2)
    branch = finish(start_branch(fork, longer, About(tags=("longer",))))
    assert list(branch.metrics()["epoch"]) == [1, 2, 3, 4, 5, 6, 7]
    assert branch.about.name == "parent @5: epochs 7"
    assert branch.about.tags == ("longer",)
    (told,) = tell_fork(fork, longer)
    assert told.startswith("Its learning rate begins at ")
    assert branch.metrics()["val/loss"].iloc[:5].tolist() == parent.metrics()["val/loss"].tolist()


def test_a_click_that_is_repeated_makes_one_branch(parent: Run) -> None:
    fork, other = find_fork(parent.id, 4), set_values(parent.spec, {"train.epochs": 6})
    assert start_branch(fork, other, click_key="one") == start_branch(fork, other, click_key="one")


def test_without_hard_links_the_root_is_a_copy(parent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    branch = open_run(start_branch(find_fork(parent.id, 4), set_values(parent.spec, {"train.epochs": 6})))
    root, kept = branch.path / "root.safetensors", parent.checkpoints()[-2].path
    assert root.read_bytes() == kept.read_bytes()
    assert root.stat().st_ino != kept.stat().st_ino
    finish(branch.id)


def test_bytes_that_are_not_those_that_were_written_are_refused_and_leave_no_run(parent: Run) -> None:
    fork = find_fork(parent.id, 4)
    content = bytearray(fork.checkpoint.path.read_bytes())
    content[-100] ^= 1
    fork.checkpoint.path.write_bytes(content)
    before = sorted(path.name for path in parent.path.parent.glob("2*"))
    with pytest.raises(BranchError, match=r"epoch-00004\.safetensors of parent is damaged: its SHA-256"):
        start_branch(fork, set_values(parent.spec, {"train.epochs": 6}))
    assert sorted(path.name for path in parent.path.parent.glob("2*")) == before
    fork.checkpoint.path.unlink()
    with pytest.raises(BranchError, match="is gone"):
        start_branch(fork, set_values(parent.spec, {"train.epochs": 6}))


def test_what_cannot_be_branched_off_says_why(lab_folders: Path) -> None:
    run = make_run(name="mine")
    assert refusal(run) == "Nothing can branch off from mine: its checkpoints are gone."
    add_checkpoint(run)
    assert refusal(run, 2) == "The checkpoint after epoch 2 of mine is not kept. Kept: 5."
    (run.path / "checkpoints" / "manifest.json").write_text("[]")
    assert refusal(run).startswith("The checkpoints of mine cannot be used: manifest.json")
    (run.path / "spec.json").write_text("{")
    assert refusal(run).startswith("mine is damaged, so nothing can branch off from it: spec.json")
    fresh = make_run("interrupted", epochs_done=0, name="fresh")
    assert refusal(fresh) == "Nothing can branch off from fresh: its first epoch has not ended."
    with pytest.raises(RunNotFoundError):
        find_fork("20260101-000000-000-abcdef")


def test_a_run_of_another_tool_has_no_checkpoint(lab_folders: Path) -> None:
    run = make_run()
    (run.path / "spec.json").unlink()
    record = {"format": "wandb", "key": "x", "configuration": {}, "mapping": {}}
    files.write_json(run.path / "foreign.json", record)
    assert refusal(run).endswith("and has no checkpoint, so nothing can branch off from it.")
    assert "Weights & Biases" in refusal(run)


def test_a_parent_that_trains_goes_on_by_itself(lab_folders: Path) -> None:
    run = make_run(name="busy", epochs_done=3)
    add_checkpoint(run, epoch=3)
    with training(run):
        told = tell_fork(find_fork(run.id), run.spec)
    assert told == ["busy is not over: it goes on by itself."]


def test_a_branch_that_early_stopping_would_end_at_once_is_refused_at_that_field(lab_folders: Path) -> None:
    run = make_run(epochs_done=5)
    add_checkpoint(run, epoch=5)
    rows = [{**row, "val/loss": loss} for row, loss in zip(run.rows(), [2.0, 1.0, 1.5, 1.0, 1.2], strict=True)]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    fork = find_fork(run.id)
    spec = set_values(run.spec, {"train.epochs": 9, "train.early_stop_patience": 3})
    (problem,) = list_problems(fork, spec)
    assert problem.path == "train.early_stop_patience"
    assert "epoch 5 is 3 epochs after the lowest validation loss" in problem.message
    assert list_problems(fork, set_values(spec, {"train.early_stop_patience": 4})) == []
    with pytest.raises(SpecError, match="early_stop_patience"):
        start_branch(fork, spec)
    goal = {"train.epochs": 9, "train.goal_accuracy": 0.5, "train.stop_at_goal": True}
    (problem,) = list_problems(fork, set_values(run.spec, goal))
    assert problem.path == "train.goal_accuracy"


def test_a_name_says_what_is_changed(lab_folders: Path) -> None:
    run = make_run(name="base")
    add_checkpoint(run, epoch=3)
    fork = find_fork(run.id)
    assert suggest_name(fork, run.spec) == "base @3: unchanged"
    changed = set_values(run.spec, {"train.learning_rate": 0.01, "train.optimizer": "sgd"})
    assert suggest_name(fork, changed) == "base @3: optimizer sgd, learning_rate 0.01"
    more = set_values(changed, {"augment.flip": True, "train.seed": 3, "train.epochs": 9})
    assert suggest_name(fork, more) == "base @3: flip yes, epochs 9, optimizer sgd and 2 more"


def test_weights_alone_begin_a_training_of_their_own_on_other_images(parent: Run) -> None:
    fork = find_fork(parent.id, 4, "weights")
    values = {"data.image_size": 12, "train.epochs": 3, "train.frozen_layers": [0]}
    spec = set_values(parent.spec, values)
    assert tell_fork(fork, spec) == ["It takes the weights alone: optimizer, schedule and epochs begin anew."]
    one, two = (finish(start_branch(fork, spec)) for _ in range(2))
    assert one.about.name.startswith("weights of parent @4: image_size 12")
    assert list(one.metrics()["epoch"]) == [1, 2, 3]
    assert_same_result(two, one)
    record = read_branch(one.path)
    assert (record["use"], record["epoch"], record["class_names"]) == ("weights", 4, [str(n) for n in range(10)])
    state, root = last_state(one), checkpoint.load(one.path / "root.safetensors", record["sha256"])
    assert (state["model"]["stem.0.weight"] == root["model"]["stem.0.weight"]).all()
    assert [entry.epoch for entry in list_forks(one)] == sorted({2, 3, *(e.epoch for e in one.checkpoints())})
    assert one.summary().parent_use == "weights"


def test_weights_are_taken_again_where_no_checkpoint_is_sound(parent: Run) -> None:
    run = finish(start_branch(find_fork(parent.id, 4, "weights"), set_values(parent.spec, {"train.epochs": 2})))
    before = last_state(run)
    reopen(run)
    for entry in run.checkpoints():
        entry.path.write_bytes(b"damaged")
    resume_run(run.id)
    finish(run.id)
    assert "The training began again with the weights of its parent." in run.remarks()
    assert list(run.metrics()["epoch"]) == [1, 2]
    assert all((last_state(run)["model"][name] == value).all() for name, value in before["model"].items())
