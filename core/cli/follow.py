"""Follows runs in the terminal, only by reading their folders, so closing the terminal ends no training."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from core.cli.output import make_console, say
from core.runs.folder import Run
from core.runs.records import ProgressRecord, RunNotFoundError
from core.runs.results import share_done
from core.system.errors import LabError
from core.text.formats import format_number, format_percent, format_seconds
from core.text.safe import plain

POLL_SECONDS = 0.2
LIVE_STATES = ("queued", "running")


class Interrupts:
    """Within a `with` statement, counts presses of Ctrl+C instead of ending the program."""

    def __init__(self) -> None:
        self.pressed = 0

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._count)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.pressed += 1


def make_bars(console: Console) -> Progress:
    """Live bars for a terminal, each with its description before it and its `facts` after it."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    return Progress(*columns, console=console, expand=True, disable=not console.is_terminal)


def watch_runs(
    runs: Sequence[Run], interrupts: Interrupts, *, stops: bool, wait: Callable[[float], object] = time.sleep
) -> dict[str, str]:
    """Shows the runs until all have ended, and returns their states by id.

    With `stops` the first Ctrl+C asks the runs to stop and the second ends them at once; without it the first one only
    ends the watching. A run that is deleted meanwhile has the state "deleted". `wait` is called between two looks.
    """
    shown = {run.id: -1 for run in runs}
    handled = 0
    with ExitStack() as stack:
        display = _open_display(runs, stack)
        while True:
            # The state first: what is read after it can only be newer, so no epoch is missed.
            states = {run.id: _state_of(run) for run in runs}
            for run in runs:
                _show(run, states[run.id], shown, display)
            if all(state not in LIVE_STATES for state in states.values()):
                return states
            if interrupts.pressed > handled:
                handled = interrupts.pressed
                if not stops:
                    display.note("The training goes on.")
                    return states
                _stop_runs([run for run in runs if states[run.id] in LIVE_STATES], handled, display)
            wait(POLL_SECONDS)


def _state_of(run: Run) -> str:
    try:
        return run.state()
    except RunNotFoundError:
        return "deleted"


def _show(run: Run, state: str, shown: dict[str, int], display: Display) -> None:
    for row in run.rows():
        epoch = int(row.get("epoch") or 0)
        # Compared by number: a resumed run goes back to its checkpoint and writes the later epochs again.
        if epoch > shown[run.id]:
            shown[run.id] = epoch
            display.show_epoch(run, row)
    display.show_state(run, state, run.progress() or {})


def _stop_runs(runs: list[Run], presses: int, display: Display) -> None:
    from core.launch.launcher import kill_run, request_stop

    if presses == 1:
        display.note("Stopping after the current step, with a checkpoint to resume from. Ctrl+C again ends it at once.")
        display.note("A run started with --detach goes on without the terminal.")
    for run in runs:
        try:
            (request_stop if presses == 1 else kill_run)(run.id)
        except LabError as error:  # it was deleted meanwhile, or its disk is full: the others are to stop all the same
            display.note(str(error))


def _open_display(runs: Sequence[Run], stack: ExitStack) -> Display:
    console = make_console()
    return Bars(runs, stack.enter_context(make_bars(console))) if console.is_terminal else Lines(runs)


class Display(Protocol):
    """What shows runs as they train."""

    def show_epoch(self, run: Run, row: dict[str, Any]) -> None:
        """A new epoch of a run, as its line of the metrics has it."""

    def show_state(self, run: Run, state: str, progress: ProgressRecord) -> None:
        """Where a run is now."""

    def note(self, sentence: str) -> None:
        """Something to know beside the runs."""


class Lines:
    """One plain line per epoch, for a file or a pipe."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._named = len(runs) > 1

    def show_epoch(self, run: Run, row: dict[str, Any]) -> None:
        parts = [
            f"epoch {row.get('epoch')}/{run.spec.train.epochs}",
            f"train loss {format_number(row.get('train/loss'))}",
            *_tell_validation(run, row),
            f"learning rate {row.get('learning_rate') or 0:.3g}",
            f"{row.get('images_per_second') or 0:.0f} images/s",
            format_seconds(row.get("seconds") or 0.0),
        ]
        print("  ".join([run.id, *parts] if self._named else parts), flush=True)

    def show_state(self, run: Run, state: str, progress: ProgressRecord) -> None:
        pass

    def note(self, sentence: str) -> None:
        say(sentence)


def _tell_validation(run: Run, row: dict[str, Any]) -> list[str]:
    if not run.has_validation:
        return []
    loss, accuracy = format_number(row.get("val/loss")), format_percent(row.get("val/accuracy"))
    return [f"val loss {loss}", f"val accuracy {accuracy}"]


class Bars:
    """One live bar per run, for a terminal."""

    def __init__(self, runs: Sequence[Run], progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        for run in runs:
            name = plain(run.about.name)[:26]  # as long as an id, which is the name of a run without one
            self._tasks[run.id] = progress.add_task(name, total=run.spec.train.epochs, facts="")

    def show_epoch(self, run: Run, row: dict[str, Any]) -> None:
        self._rows[run.id] = row

    def show_state(self, run: Run, state: str, progress: ProgressRecord) -> None:
        row = self._rows.get(run.id, {})
        epochs = run.spec.train.epochs
        done = float(row.get("epoch") or 0)
        if state == "running" and progress.get("phase") == "train" and progress.get("steps"):
            done = max(done, progress["epoch"] - 1 + progress["step"] / progress["steps"])
        facts = _facts_of(state, min(epochs, int(done) + (state == "running")), epochs, row, progress)
        completed = share_done(progress, int(row.get("epoch") or 0), epochs) * epochs if state == "running" else done
        self._progress.update(self._tasks[run.id], completed=completed, facts="  ".join(facts))

    def note(self, sentence: str) -> None:
        self._progress.console.print(sentence)


def _facts_of(state: str, epoch: int, epochs: int, row: dict[str, Any], progress: ProgressRecord) -> list[str]:
    """What is shown beside a run's bar."""
    if state == "running" and not progress:
        return ["starting"]
    live = progress if state == "running" else {}
    facts = [f"epoch {epoch}/{epochs}"] if live else [state, f"epoch {epoch}/{epochs}"]
    if live.get("loss") is not None:
        facts.append(f"loss {live['loss']:.3f}")
    if row.get("val/accuracy") is not None:
        facts.append(f"val {format_percent(row['val/accuracy'])}")
    if live.get("seconds_left") is not None:
        facts.append(f"{format_seconds(live['seconds_left'])} left")
    return facts
