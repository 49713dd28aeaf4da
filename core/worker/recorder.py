"""Records what a training yields in its run folder, in an order that can be resumed after a crash at any moment.

An epoch's line is on the disk before its checkpoint, and the checkpoint records where the line ended: a resumed run
cuts the later lines off and trains those epochs again.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.engine.events import EpochEnd, Event, Finished, Metrics, Progress, Started, Stopped
from core.runs import layout
from core.runs.branches import root_of
from core.runs.folder import Run
from core.runs.records import COLUMNS, STOPPED, SUFFIX, CheckpointFile
from core.runs.within import STEP_FIELDS, USE_FIELDS
from core.spec.keeping import KEPT, find_drops, keeps_always
from core.system import files, processes
from core.text.formats import format_percent
from core.worker.meters import Clock, Meter, UseMeter
from core.worker.within import SeriesFile

PROGRESS_SECONDS = 0.5
SAMPLE_SECONDS = 2.0  # between two samples of the use of the machine, as long as none need be left out

Save = Callable[[dict[str, Any], Path], str]
Load = Callable[[Path, str], dict[str, Any]]


class Recorder:
    """The one writer of a run's metrics, checkpoints, predictions and progress."""

    def __init__(self, run: Run, device: str, save: Save, use: Meter | None = None) -> None:
        """`use` measures what the run takes of its machine; by default what this process takes of `device` and here."""
        self.run, self.save = run, save
        self.metrics = run.path / layout.METRICS
        self.classes = run.path / layout.PREDICTIONS / layout.VAL_CLASSES
        self.checkpoints = run.checkpoints()
        self.steps = SeriesFile(run.path / layout.STEPS, STEP_FIELDS)
        self.samples = SeriesFile(run.path / layout.USE, USE_FIELDS)
        self.next_sample = 0.0
        self.use: Meter = use or UseMeter(device)
        self.clock = Clock()
        self.last_progress = 0.0
        self.epoch = 0
        self.drops: frozenset[int] = frozenset()  # epochs after which the rate is known to drop
        self.reductions = 0  # of the rate on plateaus so far
        self.owed_best = 0  # the epoch whose weights are the best and in no checkpoint yet; 0 if there is none
        self.is_at_root = False  # whether the state is the parent's, from which a branch begins
        for folder in (layout.CHECKPOINTS, layout.PREDICTIONS):
            (run.path / folder).mkdir(exist_ok=True)

    def restore(
        self, load: Load, unusable: type[Exception], *, counted: bool = True
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest sound state, or None, with a sentence for each checkpoint that is not.

        Metrics are cut back to that state, and so is the half line of a crash. Raises DamagedFileError for a damaged
        manifest: training again from the start would throw good checkpoints away. Of a branch without a checkpoint of
        its own the state is that of its root, `is_at_root`, and what `load` raises for that one is raised.

        Without `counted` what `load` gives tells no counts, as bytes for another machine do: whoever opens them there
        tells them to `go_on`.
        """
        self.run.require_manifest()
        notes: list[str] = []
        whole = _count_lines(self.metrics)
        newest_first = self.checkpoints[::-1]
        # Those whose metrics somebody damaged come after those whose metrics are complete.
        for entry in sorted(newest_first, key=lambda entry: entry.epoch > whole):
            try:
                state = load(entry.path, entry.sha256)
            except unusable as error:
                notes.append(str(error))
                continue
            if any(other.epoch > whole for other in self.checkpoints):
                done = "are left out" if entry.epoch > whole else "are trained again"
                notes.append(f"The metrics of the epochs after epoch {whole} were damaged: these epochs {done}.")
            if notes:
                notes.append(f"Went on from {entry.name}, after epoch {entry.epoch}.")
            self.checkpoints = self.checkpoints[: self.checkpoints.index(entry) + 1]
            self._cut_back(entry)
            if counted:
                self.go_on(state)
            return state, notes
        self.checkpoints = []
        if root := root_of(self.run.path):
            return self._restore_root(root, load(root.path, root.sha256), notes, counted=counted)
        if notes or _size(self.metrics):
            notes.append("There was no checkpoint to go on from: the training began again at the first epoch.")
        self._cut_back(None)
        self._restore_series(0)
        return None, notes

    def _restore_root(
        self, root: CheckpointFile, state: dict[str, Any], notes: list[str], *, counted: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """Of a branch that has no checkpoint of its own yet, or no longer one that can be used."""
        self.is_at_root = True
        if root.epoch == 0:  # of its weights alone
            if notes or _size(self.metrics):
                notes.append("The training began again with the weights of its parent.")
            self._cut_back(None)
            self._restore_series(0)
            return state, notes
        if notes or _count_lines(self.metrics) > root.epoch:
            notes.append(f"Went on from where it branched off, after epoch {root.epoch}.")
        self._cut_back(root)
        if counted:
            self.go_on(state)
        return state, notes

    def go_on(self, state: dict[str, Any]) -> None:
        """Takes over what the state counts: `seconds`, updates as `step`, and how often the rate was lowered."""
        self.clock.before = float(state.get("seconds") or 0.0)
        self.reductions = _count_reductions(state)
        self._restore_series(state.get("step") or 0)

    def _restore_series(self, step: int) -> None:
        """Without the time after update `step`, which is trained again."""
        self.steps.restore(lambda row: row["step"] <= step)
        self.samples.restore(lambda row: (row["seconds"] or 0.0) <= self.clock.before)

    def _cut_back(self, checkpoint: CheckpointFile | None) -> None:
        self.epoch = checkpoint.epoch if checkpoint else 0
        cut_metrics(self.metrics, checkpoint.metrics_bytes if checkpoint else 0, self.epoch)
        # A line for each epoch, also for one whose figures are lost: what belongs to it is found by its index.
        for epoch in range(_count_lines(self.metrics) + 1, self.epoch + 1):
            _append(self.metrics, files.to_line({**dict.fromkeys(COLUMNS), "epoch": epoch}))
        _truncate(self.classes, checkpoint.classes_bytes if checkpoint else 0)
        for folder in (self.run.path, self.run.path / layout.CHECKPOINTS, self.run.path / layout.PREDICTIONS):
            _sweep(folder)

    def record(self, event: Event) -> None:
        """Raises OSError, or what `save` raises, if the disk does not take it."""
        if points := getattr(event, "points", ()):
            self.steps.add([asdict(point) for point in points])
        match event:
            case Started():
                self.clock.start()
                self.drops = find_drops(self.run.spec.train, event.updates_per_epoch)
                self.write_progress("train", event.epoch, 0, 1)
            case Progress():
                figures = {"loss": event.loss, "images_per_second": event.images_per_second}
                epochs = 0 if event.phase == "test" else self.run.spec.train.epochs - event.epoch + 1
                left = self.clock.seconds_left(event.work, epochs) if event.work else None
                self.write_progress(event.phase, event.epoch, event.step, event.steps, seconds_left=left, **figures)
            case EpochEnd():
                self._end_epoch(event)
            case Stopped():
                self._keep(event.state, f"epoch-{self.epoch:05d}{STOPPED}", is_best=self.owed_best > 0)
            case Finished():
                self.steps.flush(is_end=True)
                self.samples.flush(is_end=True)
                for name, logits in event.predictions.items():
                    self.write_predictions(name, logits)

    def _end_epoch(self, event: EpochEnd) -> None:
        self.epoch = event.epoch
        kind = np.uint8 if event.val_logits.shape[1] <= 256 else np.uint16
        _append(self.classes, event.val_logits.argmax(1).astype(kind).tobytes())
        _append(self.metrics, files.to_line({**event.metrics, **self.use.read_epoch()}))
        if event.is_best:
            self.owed_best = event.epoch
        if event.state:  # a large one is left on the node that trains; the next that comes has the best weights too
            name, always = f"epoch-{event.epoch:05d}", self._keeps_always(event.state)
            self._keep(event.state, name, is_best=self.owed_best > 0, always=always)
        left = None
        if event.work:
            self.clock.end_epoch(event.work)
            left = self.clock.seconds_left(event.work, self.run.spec.train.epochs - event.epoch)
        # Epochs of a small network may be far shorter than the half second.
        if time.monotonic() - self.last_progress >= PROGRESS_SECONDS:
            figures = {"seconds_left": left, "images_per_second": event.metrics["images_per_second"]}
            self.write_progress("train", event.epoch, 0, 1, **figures)

    def _keeps_always(self, state: dict[str, Any]) -> bool:
        """Whether the run's rule keeps this epoch; a plateau shows only now that the rate drops."""
        reductions, before, train = _count_reductions(state), self.reductions, self.run.spec.train
        self.reductions = reductions
        now = {self.epoch} if train.schedule == "plateau" and reductions > before else set()
        return keeps_always(train, self.epoch, self.drops | now)

    def _keep(self, state: dict[str, Any], name: str, *, is_best: bool, always: bool = False) -> None:
        """Adds a checkpoint, `always` for good. A file that the manifest names is never overwritten."""
        taken = {entry.name for entry in self.checkpoints}
        names = (f"{name}{f'-{number}' if number else ''}{SUFFIX}" for number in range(len(taken) + 1))
        path = self.run.path / layout.CHECKPOINTS / next(free for free in names if free not in taken)
        sha256 = self.save(state, path)
        entry = CheckpointFile(
            name=path.name,
            path=path,
            epoch=self.epoch,
            bytes=path.stat().st_size,
            sha256=sha256,
            kind="best" if is_best else "last",
            metrics_bytes=_size(self.metrics),
            classes_bytes=_size(self.classes),
            kept=always,
            best_epoch=self.owed_best if self.owed_best != self.epoch else 0,
        )
        self.owed_best = 0
        before = [replace(old, kind="last") if is_best else old for old in self.checkpoints]
        older = [old for old in before[: 1 - KEPT] if old.kind == "best" or old.kept]
        self.checkpoints = [*older, *before[1 - KEPT :], entry]
        listed = [{key: value for key, value in asdict(old).items() if key != "path"} for old in self.checkpoints]
        files.write_json(self.run.path / layout.CHECKPOINTS / layout.MANIFEST, {"checkpoints": listed})
        self._prune()

    def _prune(self) -> None:
        """Removes the checkpoints that the manifest no longer names."""
        named = {layout.MANIFEST, *(entry.name for entry in self.checkpoints)}
        for path in (self.run.path / layout.CHECKPOINTS).iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)

    def write_predictions(self, name: str, array: np.ndarray[Any, Any]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        files.write_bytes(self.run.path / layout.PREDICTIONS / f"{name}.npy", buffer.getvalue())

    def write_progress(self, phase: str, epoch: int, step: int, steps: int, **figures: Any) -> None:
        """Where the training is, with the device's use; not synced, as half a second later it is old.

        Nothing is built on it, so a disk that does not take it must not end the training.
        """
        self.last_progress = time.monotonic()
        progress = {
            "phase": phase,
            "epoch": epoch,
            "epochs": self.run.spec.train.epochs,
            "step": step,
            "steps": steps,
            "seconds": self.clock.seconds,
            "seconds_left": None,
            "time": time.time(),
            "oom_kills": processes.count_oom_kills(),
            **figures,
            **self._sample_use(),
        }
        with suppress(OSError):
            files.write_json(self.run.path / layout.PROGRESS, progress, sync=False)

    def _sample_use(self) -> dict[str, float]:
        """What the run uses of the machine now; every few seconds of training it is noted too."""
        use, seconds = self.use.read(), self.clock.seconds
        if self.clock.begun is not None and seconds >= self.next_sample:
            self.next_sample = seconds + SAMPLE_SECONDS
            self.samples.add([{"sample": self.samples.last + 1, "seconds": seconds, **use}])
        return use


def describe_epoch(metrics: Metrics, epochs: int) -> str:
    """All figures of an epoch in a line of the log."""
    parts = [
        f"{name} loss {metrics[f'{split}/loss']:.4f}, accuracy {format_percent(metrics[f'{split}/accuracy'])}"
        for name, split in (("training", "train"), ("validation", "val"))
        if f"{split}/loss" in metrics
    ]
    rate, speed, seconds = (metrics[name] for name in ("learning_rate", "images_per_second", "seconds"))
    parts += [f"learning rate {rate:.3g}", f"{speed:,.0f} images/s", f"{seconds:,.1f} s so far"]
    return f"Epoch {metrics['epoch']} of {epochs}: {'; '.join(parts)}."


def _count_reductions(state: dict[str, Any]) -> int:
    """How often the rate has been lowered on plateaus."""
    return int(state.get("plateau", {}).get("reductions", 0))


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _count_lines(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.read_bytes().count(b"\n")
    return 0


def _append(path: Path, content: bytes) -> None:
    """Appends, and waits for the disk, so that no checkpoint is ever ahead of its metrics."""
    with open(path, "ab", buffering=0) as file:
        written = file.write(content)
        if written != len(content):
            raise OSError(28, os.strerror(28))
        os.fsync(file.fileno())


def cut_metrics(path: Path, size: int, epoch: int) -> None:
    """Cuts metrics back to what a checkpoint after `epoch` knew, and in any case a half line at the end."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    if size > len(content) or content[size - 1 : size] not in (b"\n", b""):
        # Somebody changed the file: with one line an epoch, counting lines is as good as the offset.
        whole = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
        size = sum(map(len, whole[:epoch]))
    _truncate(path, size)


def _truncate(path: Path, size: int) -> None:
    if _size(path) <= size:
        return
    with open(path, "r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def _sweep(folder: Path) -> None:
    """Removes half-written temporary files of a crash; the reserve for the run's end stays."""
    for path in folder.glob(".*"):
        if path.is_file() and path.name != layout.RESERVE:
            path.unlink(missing_ok=True)
