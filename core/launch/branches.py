"""Starts runs that go on from another run's checkpoint; what keeps one from it is told before anything is made."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.launch.launcher import NOTHING_SAID, start_run
from core.runs import branches, layout
from core.runs.folder import Run
from core.runs.foreign import describe_foreign
from core.runs.records import About, BranchRecord, BranchStep, BranchUse, CheckpointFile
from core.runs.store import open_run
from core.spec import CHOICE_LABELS, RunSpec
from core.spec.branching import find_obstacles, list_changes
from core.spec.cost import cost_of
from core.spec.fields import format_value
from core.spec.keeping import tell_keeping
from core.spec.parse import FieldProblem, SpecError
from core.spec.schedule import LearningRate, updates_per_epoch
from core.spec.settings import set_values
from core.system import files
from core.system.errors import LabError
from core.text.words import join_words, list_first

_NAMED = 3  # changes in a branch's name


class BranchError(LabError):
    """There is nothing to branch from; the message says why."""


@dataclass(frozen=True)
class Fork:
    """Where a branch begins: after an epoch of a run, from the checkpoint that this epoch ended with.

    It goes on with all of its state, or begins a training of its own with its weights.
    """

    run: Run
    checkpoint: CheckpointFile
    use: BranchUse = "line"

    @property
    def epoch(self) -> int:
        return self.checkpoint.epoch

    def rate_after(self, spec: RunSpec) -> float | None:
        """The learning rate of the next update in a run of `spec`; None if it is not known before the training."""
        images = self.run.environment().get("train_images")
        if not images or spec.train.schedule == "plateau":
            return None
        each = updates_per_epoch(spec.train, images)
        return LearningRate(spec.train, each).at(self.epoch * each)


def list_forks(run: Run) -> list[CheckpointFile]:
    """The checkpoints that a branch can begin from, one an epoch, the newest last.

    Raises NoSpecError, BranchError if there is none.
    """
    if record := run.foreign():
        raise BranchError(f"{describe_foreign(record)} and has no checkpoint, so nothing can branch off from it.")
    if damage := run.damage():
        raise BranchError(f"{run.about.name} is damaged, so nothing can branch off from it: {damage}.")
    try:
        run.require_manifest()
    except LabError as error:
        raise BranchError(f"The checkpoints of {run.about.name} cannot be used: {error}.") from error
    root = branches.root_of(run.path)
    found = {root.epoch: root} if root and root.path.is_file() and root.epoch else {}
    found |= {entry.epoch: entry for entry in run.checkpoints() if entry.ends_epoch}
    if not found:
        ended = any(row.get("epoch") for row in run.rows())
        why = "its checkpoints are gone" if ended else "its first epoch has not ended"
        raise BranchError(f"Nothing can branch off from {run.about.name}: {why}.")
    return [found[epoch] for epoch in sorted(found)]


def find_fork(run_id: str, epoch: int | None = None, use: BranchUse = "line") -> Fork:
    """The fork after an epoch of a run, of the newest that is kept by default. Raises RunNotFoundError, BranchError."""
    run = open_run(run_id)
    kept = list_forks(run)
    wanted = kept[-1].epoch if epoch is None else epoch
    for entry in kept:
        if entry.epoch == wanted:
            return Fork(run, entry, use)
    kept_epochs = join_words([f"{entry.epoch:,}" for entry in kept])
    raise BranchError(f"The checkpoint after epoch {wanted:,} of {run.about.name} is not kept. Kept: {kept_epochs}.")


def list_problems(fork: Fork, spec: RunSpec) -> list[FieldProblem]:
    """What keeps a run of `spec` from beginning there, one entry a field."""
    problems = find_obstacles(fork.run.spec, spec, fork.epoch, fork.use)
    if fork.use == "weights":
        return problems
    patience, stale = spec.train.early_stop_patience, _count_stale(fork)
    if 0 < patience <= stale:
        message = (
            f"would end the branch at once: epoch {fork.epoch:,} is {stale} epochs after the lowest validation loss"
        )
        problems.append(FieldProblem("train.early_stop_patience", message, patience))
    goal, last = spec.train.goal_accuracy, fork.run.rows()[fork.epoch - 1].get("val/accuracy")
    if spec.train.stop_at_goal and last is not None and 0 < goal <= last:
        message = f"would end the branch at once: epoch {fork.epoch:,} has reached it"
        problems.append(FieldProblem("train.goal_accuracy", message, goal))
    return problems


def _count_stale(fork: Fork) -> int:
    """Epochs since the lowest validation loss, as the training counts them."""
    stale, lowest = 0, float("inf")
    for row in fork.run.rows()[: fork.epoch]:
        loss = row.get("val/loss")
        stale = 0 if loss is not None and loss < lowest else stale + 1
        lowest = lowest if loss is None else min(lowest, loss)
    return stale


def tell_fork(fork: Fork, spec: RunSpec) -> list[str]:
    """What should be known before a branch of `spec` starts there, as sentences."""
    told = _tell_weights(fork, spec) if fork.use == "weights" else _tell_line(fork, spec)
    if rule := tell_keeping(spec, cost_of(spec)):
        told.append(rule)
    if fork.run.state() in ("running", "queued"):
        told.append(f"{fork.run.about.name} is not over: it goes on by itself.")
    return told


def _tell_weights(fork: Fork, spec: RunSpec) -> list[str]:
    told = ["It takes the weights alone: optimizer, schedule and epochs begin anew."]
    if (fork.run.spec.data.dataset, fork.run.spec.data.num_classes) != (spec.data.dataset, spec.data.num_classes):
        told.append("The linear layer begins anew where the classes are others.")
    return told


def _tell_line(fork: Fork, spec: RunSpec) -> list[str]:
    was, now = fork.run.spec.train, spec.train
    told = []
    if was.optimizer != now.optimizer:
        told.append(f"{CHOICE_LABELS[now.optimizer]} begins with fresh state.")
    rate, last = fork.rate_after(spec), fork.run.rows()[fork.epoch - 1].get("learning_rate")
    if rate is not None and last is not None and rate != fork.rate_after(fork.run.spec):
        told.append(f"Its learning rate begins at {rate:.3g}; epoch {fork.epoch} ended at {last:.3g}.")
    return told


def add_epochs(fork: Fork, count: int) -> RunSpec:
    """The parent's spec with more epochs. Raises SpecError."""
    return set_values(fork.run.spec, {"train.epochs": fork.run.spec.train.epochs + count})


def start_branch(
    fork: Fork, spec: RunSpec, about: About = NOTHING_SAID, *, click_key: str = "", on: str = "here"
) -> str:
    """Makes a branch and starts its worker; returns its id. Raises SpecError, BranchError, as `start_run` does."""
    if problems := list_problems(fork, spec):
        raise SpecError(problems)
    name = about.name.strip() or suggest_name(fork, spec)
    named = About(**{**vars(about), "name": name})
    return start_run(spec, named, click_key=click_key, fill=partial(_fill, fork, spec), on=on)


def suggest_name(fork: Fork, spec: RunSpec) -> str:
    """`baseline @3: learning_rate 0.0001`."""
    changes = list_changes(fork.run.spec, spec)
    named = {path.rpartition(".")[2]: now for path, (_, now) in changes.items() if path != "data.folder"}
    what = list_first([f"{name} {format_value(now)}" for name, now in named.items()], _NAMED) or "unchanged"
    whose = "weights of " if fork.use == "weights" else ""
    return f"{whose}{fork.run.about.name[:80]} @{fork.epoch}: {what}"[:200]


def _fill(fork: Fork, spec: RunSpec, folder: Path) -> None:
    """Gives a new branch's folder its root, its parent's course, and its record. Raises BranchError, OSError."""
    run, checkpoint = fork.run, fork.checkpoint
    try:
        found = branches.take_root(checkpoint, folder)
    except FileNotFoundError:
        raise BranchError(
            f"The checkpoint {checkpoint.name} of {run.about.name} is gone. Choose another epoch."
        ) from None
    if found != checkpoint.sha256:
        raise BranchError(
            f"The checkpoint {checkpoint.name} of {run.about.name} is damaged: its SHA-256 is not the one noted when "
            "it was written. Nothing can branch off from it."
        )
    environment = run.environment()
    width = {"uint8": 1, "uint16": 2}.get(environment.get("val_classes_dtype") or "", 0)
    sizes = (0, 0)
    try:
        if fork.use == "line":
            answer_bytes = width * (environment.get("val_images") or 0)
            sizes = branches.inherit_course(run.path, fork.epoch, folder, answer_bytes)
    except ValueError as error:
        raise BranchError(f"Nothing can branch off from {run.about.name} after epoch {fork.epoch}: {error}.") from error
    record: BranchRecord = {
        "run": run.id,
        "name": run.about.name,
        "epoch": fork.epoch,
        "use": fork.use,
        "checkpoint": checkpoint.name,
        "sha256": checkpoint.sha256,
        "bytes": checkpoint.bytes,
        "metrics_bytes": sizes[0],
        "classes_bytes": sizes[1],
        "changes": list_changes(run.spec, spec),
        "line": _list_ancestors(run),
        "class_names": environment.get("class_names") or [],
        "time": time.time(),
    }
    files.write_json(folder / layout.BRANCH, dict(record))


def _list_ancestors(run: Run) -> list[BranchStep]:
    """Where the run came from, the nearest first."""
    record = branches.read_branch(run.path)
    if record is None:
        return []
    parent: BranchStep = {"run": record["run"], "name": record.get("name", ""), "epoch": record["epoch"]}
    return [parent, *record.get("line", [])]
