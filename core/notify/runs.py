"""Messages about runs: their ends, their figures, and a process that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.notify.events import EVENT_OF_STATE
from core.notify.messages import FIGURES, Figure, Message, finite, shorten_name
from core.notify.settings import read_settings
from core.runs.folder import Run
from core.runs.records import RunSummary
from core.runs.results import count_images
from core.runs.told import claim


def describe_end(folder: Path, event: str) -> Message:
    """How a run ended."""
    run = Run(folder)
    return _describe(run, run.summary(), event)


def describe_crash(folder: Path) -> Message | None:
    """A run whose process is gone; None if it is none of that: it may have been resumed."""
    run = Run(folder)
    summary = run.summary()
    if summary.state != "interrupted":
        return None
    # Somebody who ends it at once knows.
    return _describe(run, summary, "stopped" if run.stop_requested else EVENT_OF_STATE["interrupted"])


def describe_given_up(folder: Path, why: str) -> Message | None:
    """That the doctor has given a run up; None if that was told. Raises OSError, RunsFolderError."""
    if not claim(folder, "given up by the doctor"):
        return None
    run = Run(folder)
    name = shorten_name(run.about.name)
    return replace(_describe(run, run.summary(), "given_up"), title=f"Run {name}: given up by the doctor", reason=why)


def describe_beaten(folder: Path, figures: Mapping[str, Any]) -> list[Message]:
    """A message for each figure that is beaten for the first time in this run. Raises OSError, RunsFolderError."""
    messages = []
    for name, threshold in read_settings().figures.items():
        value, kind = finite(figures.get(name)), FIGURES[name]
        if value is None or not kind.beats(value, threshold) or not claim(folder, f"{name} {threshold!r}"):
            continue
        run, word = Run(folder), "above" if kind.is_maximized else "below"
        epoch = f" at epoch {figures['epoch']}" if type(figures.get("epoch")) is int else ""
        what = f"{kind.label.lower()} {word} {kind.show(threshold)}"
        messages.append(
            Message(
                "figure",
                "run",
                run.about.name,
                f"Run {shorten_name(run.about.name)}: {what}{epoch}",
                id=run.id,
                figures=(_make_figure(run, name, kind.label, value),),
                seconds=finite(figures.get("seconds")),
                path=f"run?id={run.id}",
            )
        )
    return messages


def _describe(run: Run, summary: RunSummary, event: str) -> Message:
    results = run.results()
    values = {
        "val/accuracy": ("Best validation accuracy", summary.best_val_accuracy),
        "val/loss": ("Lowest validation loss", summary.best_val_loss),
        "test/accuracy": (FIGURES["test/accuracy"].label, finite(results.get("test/accuracy"))),
    }
    figures = [_make_figure(run, name, label, value) for name, (label, value) in values.items() if value is not None]
    return Message(
        event,
        "run",
        summary.name,
        f"Run {shorten_name(summary.name)} {'was ' if summary.state == 'interrupted' else ''}{summary.state}",
        id=run.id,
        state=summary.state,
        reason=summary.reason,
        figures=(*figures, *_tell_epochs(summary)),
        seconds=summary.seconds or None,
        path=f"run?id={run.id}",
    )


def _tell_epochs(summary: RunSummary) -> list[Figure]:
    """Of a run that another tool logged nobody knows how many were planned."""
    epochs = f"{summary.epoch} of {summary.epochs}"
    return [] if summary.tool else [Figure("Epochs", epochs, float(summary.epoch))]


def _make_figure(run: Run, name: str, label: str, value: float) -> Figure:
    kind = FIGURES[name]
    images = count_images(run, {"validation": "val", "test": "test"}[kind.split])
    return Figure(label, kind.show(value), value, kind.split, images)
