"""Events become a run's record and its end, whatever they come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.engine.events import EpochEnd, Event, Finished, Started, Stopped
from core.runs import layout
from core.runs.folder import Run
from core.runs.store import open_run
from core.worker.driving import record_events
from core.worker.recorder import Recorder
from core.worker.stop import StopSignal
from tests.core.worker.test_recorder import save
from tests.core.workers import tiny_spec
from tests.made_runs import create_run

STARTED = Started("cpu", "a processor", "float32", 10, 2, 0, 1)


class Told:
    """Events that were told, by nobody who trains."""

    def __init__(self, *events: Event) -> None:
        self._events = events

    def events(self) -> Iterator[Event]:
        yield from self._events

    def describe(self, event: Started) -> dict[str, Any]:
        return {"device": event.device, "node": "elsewhere"}


def end_epoch(epoch: int, **state: Any) -> EpochEnd:
    metrics = {
        "epoch": epoch,
        **dict.fromkeys(("train/loss", "val/loss", "train/accuracy", "val/accuracy", "learning_rate", "seconds"), 0.5),
        "images_per_second": 1.0,
    }
    return EpochEnd(epoch, metrics, np.zeros((2, 10), np.float32), is_best=epoch == 2, state=state)


@pytest.fixture
def run(runs: Path) -> Run:
    return open_run(create_run(tiny_spec(epochs=3)))


def follow(run: Run, *events: Event, **options: Any) -> int:
    return record_events(Told(*events), Recorder(run, "cpu", save), StopSignal(run.path), **options)


def test_a_finished_training_ends_the_run_and_says_what_it_was_made_with(run: Run) -> None:
    assert follow(run, STARTED, end_epoch(1, step=1), Finished({"test/accuracy": 0.5}, "epochs", {})) == 0
    assert (run.state(), run.end()["reason"]) == ("finished", "All epochs done.")
    assert run.environment()["node"] == "elsewhere"
    assert [row["epoch"] for row in run.rows()] == [1]


def test_a_trial_that_is_pruned_ends_there(run: Run) -> None:
    follow(run, STARTED, end_epoch(1, step=1), end_epoch(2, step=2), after_epoch=lambda event: "Too bad.")
    assert (run.state(), run.end()["reason"], len(run.rows())) == ("pruned", "Too bad.", 1)


def test_a_stop_that_was_asked_for_names_the_epoch(run: Run) -> None:
    (run.path / layout.STOP).touch()
    follow(run, STARTED, end_epoch(1, step=1), Stopped({"step": 1}))
    assert (run.state(), run.end()["reason"]) == ("stopped", "Stopped on request in epoch 2.")


def test_a_training_that_ends_without_a_word_is_an_error(run: Run) -> None:
    with pytest.raises(RuntimeError, match="without saying how"):
        follow(run, STARTED)


def test_an_epoch_whose_state_stayed_elsewhere_is_noted_and_the_next_state_has_the_best_weights(run: Run) -> None:
    events = [STARTED, end_epoch(1, step=1), end_epoch(2), end_epoch(3, step=3), Finished({}, "epochs", {})]
    follow(run, *events)
    assert [row["epoch"] for row in run.rows()] == [1, 2, 3]
    found = [(entry.epoch, entry.kind, entry.best_epoch) for entry in run.checkpoints()]
    assert found == [(1, "last", 0), (3, "best", 2)]
