"""Drives a training's events into its run's recorder until the run has ended, wherever they come from; no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from core.doctor.watch import Watch
from core.engine.events import EpochEnd, Event, Finished, Started, Stopped
from core.notify.announce import announce_figures
from core.runs import layout
from core.runs.ends import end_run, log
from core.system import files
from core.worker.recorder import Recorder, describe_epoch
from core.worker.stop import StopSignal, end_stopped

_REASONS = {
    "epochs": "All epochs done.",
    "early_stopping": "Stopped early: no lower validation loss.",
    "goal": "Stopped early: the accuracy asked for is reached.",
}

AfterEpoch = Callable[[EpochEnd], str]  # why the run is pruned, or ""


class Source(Protocol):
    """Where a run's events come from: the engine in this process, or a node's stream."""

    def events(self) -> Iterator[Event]:
        """As `core.engine.train.train` yields them."""

    def describe(self, event: Started) -> dict[str, Any]:
        """All of `environment.json`, now that the training has started."""


def record_events(
    source: Source, recorder: Recorder, stop: StopSignal, after_epoch: AfterEpoch | None = None, untested: str = ""
) -> int:
    """Records a training's events until the run has ended; the exit status of its process.

    `after_epoch` returns why the run is pruned, or ""; `untested` says why the run is not tested, or "".
    """
    run, watch = recorder.run, Watch(recorder.run.path, is_trial=bool(untested))
    for event in source.events():
        recorder.record(event)
        if isinstance(event, EpochEnd):
            log(describe_epoch(event.metrics, run.spec.train.epochs))
            announce_figures(run.path, event.metrics, is_trial=bool(untested))
            watch.look()
        match event:
            case Started():
                for note in event.notes:
                    log(note)
                files.write_json(run.path / layout.ENVIRONMENT, source.describe(event))
            case EpochEnd() if after_epoch and (reason := after_epoch(event)):
                return end_run(run.path, "pruned", reason, epoch=recorder.epoch)
            case Stopped():
                reason = f"Stopped on request in epoch {min(recorder.epoch + 1, run.spec.train.epochs)}."
                return end_stopped(run.path, stop, reason, recorder.epoch)
            case Finished():
                reason = _REASONS[event.reason]
                reason += f" Test images not looked at: {untested}." if untested else ""
                return end_run(run.path, "finished", reason, event.reason, event.metrics, epoch=recorder.epoch)
    raise RuntimeError("the training ended without saying how")
