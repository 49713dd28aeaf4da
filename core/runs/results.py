"""What came out of a run, as rows for a table: every figure with its split, its images and its uncertainty."""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.runs.branches import read_branch
from core.runs.families import tell_parent
from core.runs.folder import Run
from core.runs.foreign import name_tool
from core.runs.metrics import best_epoch
from core.runs.records import ForeignRecord, ProgressRecord, RunSummary
from core.spec import CHOICE_LABELS, RunSpec
from core.spec.fields import differing, flatten, format_value
from core.spec.parse import SpecError, parse_spec
from core.spec.presets import PRESETS, Preset
from core.spec.settings import apply_settings
from core.spec.train import FREE_FIELDS
from core.text.formats import (
    UNKNOWN,
    format_bytes,
    format_count,
    format_moment,
    format_number,
    format_percent,
    format_seconds,
)
from core.text.words import count_of, list_first

_MAX_CHANGES = 12
_MAX_LISTED = 20
PEAK = "system/peak_memory_bytes"


@dataclass(frozen=True)
class Figure:
    """One result: `label`, its value as text, and what it was measured on."""

    label: str
    value: str
    measured_on: str


def sampling_error(share: float, images: int) -> float:
    """Standard error of an accuracy measured on so many images: sqrt(p(1-p)/n), the binomial's."""
    return math.sqrt(max(share * (1 - share), 0.0) / images)


def show_share(share: float | None, images: int | None) -> str:
    """93.10 % ± 0.36 %, with one standard error if the number of images is known."""
    if share is None or not math.isfinite(share):
        return UNKNOWN
    error = f" ± {format_percent(sampling_error(share, images))}" if images else ""
    return format_percent(share) + error


def count_images(run: Run, split: str) -> int | None:
    """How many images the figures of `val` or `test` come from; None if the run does not say."""
    known = run.environment().get(f"{split}_images")
    if isinstance(known, int) and known > 0:
        return known
    labels = run.predictions(f"{split}_labels")
    return None if labels is None else int(labels.size)


def list_figures(run: Run, summary: RunSummary) -> list[Figure]:
    """The results so far, chosen on validation and reported on test; the labels name the weights."""
    if record := run.foreign():
        return _list_foreign(record, run, summary)
    val, test = count_images(run, "val"), count_images(run, "test")
    if not run.has_validation:
        return _list_unvalidated(run, summary, test)
    on_val = f"validation, {val:,} images" if val else "validation"
    when = "not looked at" if summary.is_untested else "once at the end"
    on_test = f"test, {test:,} images, {when}" if test else f"test, {when}"
    end, best = run.results(), best_epoch(run.metrics())
    chosen = end.get("best/epoch") or best
    at_best, at_last = (f", epoch {epoch}" if epoch else "" for epoch in (best, summary.epoch))
    of_best = f"best-on-validation weights{f' (epoch {chosen})' if chosen else ''}"
    return [
        Figure(f"Best validation accuracy{at_best}", show_share(summary.best_val_accuracy, val), on_val),
        Figure(f"Last validation accuracy{at_last}", show_share(summary.last_val_accuracy, val), on_val),
        Figure("Lowest validation loss", format_number(summary.best_val_loss), on_val),
        Figure("Test accuracy, last weights", show_share(end.get("test/accuracy"), test), on_test),
        Figure(f"Test accuracy, {of_best}", show_share(end.get("test/accuracy_best"), test), on_test),
        Figure("Test loss, last weights", format_number(end.get("test/loss")), on_test),
        *_list_views(run, end, test),
    ]


def _list_unvalidated(run: Run, summary: RunSummary, test: int | None) -> list[Figure]:
    """Of a run that held no images out: nothing was chosen, so there are only the last weights."""
    end = run.results()
    when = "not looked at" if summary.is_untested else "once at the end"
    on_test = f"test, {test:,} images, {when}" if test else f"test, {when}"
    return [
        Figure("Validation", "none", "no images were held out, so no epoch was chosen"),
        Figure("Test accuracy, last weights", show_share(end.get("test/accuracy"), test), on_test),
        Figure("Test loss, last weights", format_number(end.get("test/loss")), on_test),
        *_list_views(run, end, test),
    ]


def _list_foreign(record: ForeignRecord, run: Run, summary: RunSummary) -> list[Figure]:
    """Of what another tool logged; on which images, and how often the test images were looked at, it does not tell."""
    figures = [
        ("val/accuracy", "Best validation accuracy", format_percent(summary.best_val_accuracy)),
        ("val/accuracy", "Last validation accuracy", format_percent(summary.last_val_accuracy)),
        ("val/loss", "Lowest validation loss", format_number(summary.best_val_loss)),
        ("test/accuracy", "Test accuracy", format_percent(summary.test_accuracy)),
        ("test/loss", "Test loss", format_number(run.results().get("test/loss"))),
    ]
    mapping, tool = record["mapping"], name_tool(record["format"])
    return [
        Figure(label, value, f"{mapping[figure]['series']} of {tool}")
        for figure, label, value in figures
        if figure in mapping
    ]


def _list_views(run: Run, end: dict[str, Any], test: int | None) -> list[Figure]:
    """Accuracies with test-time augmentation, if the run measured them: in addition to the plain ones."""
    views = f"weights, with views ({CHOICE_LABELS[run.spec.train.test_views].lower()})"
    return [
        Figure(f"Test accuracy, {weights} {views}", show_share(end[key], test), "test-time augmentation")
        for weights, key in (("last", "test/accuracy_views"), ("best-on-validation", "test/accuracy_best_views"))
        if end.get(key) is not None
    ]


def list_costs(run: Run, summary: RunSummary) -> list[list[str]]:
    """What the run is and took: name and value, a row each."""
    if record := run.foreign():
        return _list_origin(record, run, summary)
    frame, environment = run.metrics(), run.environment()
    speed = frame["images_per_second"].median() if len(frame) and "images_per_second" in frame else None
    device = environment.get("device_name") or summary.device or UNKNOWN
    return [
        *_list_root(summary),
        ["Parameters", f"{summary.parameters:,} ({format_count(summary.parameters)})"],
        ["Epochs", f"{summary.epoch} of {summary.epochs}{_tell_last(run.spec)}"],
        ["Training time", format_seconds(summary.seconds)],
        ["Images a second (median)", f"{speed:,.0f}" if speed else UNKNOWN],
        ["Device", str(device)],
        ["Precision", str(environment.get("precision") or run.spec.train.precision)],
    ]


def _tell_last(spec: RunSpec) -> str:
    share = spec.train.last_epoch
    return f", the last of {format_percent(share, 0)} of the images" if share < 1 else ""


def _list_root(summary: RunSummary) -> list[list[str]]:
    """Where a branch began, and which bytes it began from."""
    if not summary.parent:
        return []
    return [["Branch of", f"{tell_parent(summary)} ({summary.parent})"], ["Its SHA-256", summary.parent_sha256]]


def _list_origin(record: ForeignRecord, run: Run, summary: RunSummary) -> list[list[str]]:
    """Where a run of another tool comes from, and its times as far as they are told."""
    started, ended = record.get("started"), (run.end() or {}).get("ended")
    if started is not None and ended is not None and ended >= started:
        took = format_seconds(ended - started)
    else:
        took = format_seconds(summary.seconds) if summary.seconds else UNKNOWN
    return [
        ["Logged by", name_tool(record["format"])],
        ["There called", record["key"].partition("\n")[0]],
        ["Started", format_moment(started) if started is not None else UNKNOWN],
        ["Ended", format_moment(ended) if ended is not None else UNKNOWN],
        ["Took", took],
        ["Points", f"{record.get('points', 0):,}"],
        ["Imported", format_moment(record["imported"]) if "imported" in record else UNKNOWN],
    ]


def share_done(progress: ProgressRecord, epoch: int, epochs: int) -> float:
    """How much of a run that is under way is done, 0 to 0.99, by the time it took and takes; `epoch` have ended.

    By its epochs until the time left is known. A run is done when it has ended, and not before.
    """
    seconds, left = progress.get("seconds"), progress.get("seconds_left")
    if seconds and left is not None:
        share = seconds / (seconds + left)
    else:
        whole: float = epoch
        if progress.get("phase") == "train" and progress.get("steps") and (progress.get("epoch") or 0) > whole:
            whole = progress["epoch"] - 1 + progress["step"] / progress["steps"]
        share = whole / max(epochs, 1)
    return min(0.99, max(0.0, share))


def list_forecast(run: Run) -> list[list[str]]:
    """What was measured beforehand against what the run took: figure, forecast, actual; empty without a measurement."""
    forecast, rows = run.forecast(), run.rows()
    if not forecast or not rows:
        return []
    ends = [row["seconds"] for row in rows if isinstance(row.get("seconds"), int | float)]
    epochs = [after - before for before, after in zip([0.0, *ends], ends, strict=False)]
    peaks = [row[PEAK] for row in rows if isinstance(row.get(PEAK), int | float)]
    epoch, peak = statistics.median(epochs) if epochs else None, max(peaks, default=None)
    return [
        _hold_against("An epoch (median)", forecast.get("epoch_seconds"), epoch, format_seconds),
        _hold_against("Peak of memory", forecast.get("memory_bytes"), peak, format_bytes),
    ]


def _hold_against(
    label: str, expected: float | None, actual: float | None, show: Callable[[float | None], str]
) -> list[str]:
    return [label, show(expected), f"{show(actual)}{_deviation(expected, actual)}"]


def _deviation(forecast: float | None, actual: float | None) -> str:
    return f" ({100 * (actual / forecast - 1):+.0f} %)" if forecast and actual else ""


_ENVIRONMENT = {
    "epochs_done": "Resumed after epoch",  # written at the worker's start: not what is done by now
    "pid": "Process id",
    "train_images": "Training images",
    "val_images": "Validation images",
    "std": "Standard deviation",
}


_INNER = ("val_classes_dtype",)  # how a file is to be read


def list_environment(run: Run) -> list[list[str]]:
    """What the run was made with: name and value, a row each; empty until its worker has started."""
    return [
        [
            _ENVIRONMENT.get(key) or key.replace("_", " ").capitalize().replace("Cpu", "CPU").replace("Gpu", "GPU"),
            show_fact(key, value),
        ]
        for key, value in run.environment().items()
        if not (key == "epochs_done" and value == 0) and key not in _INNER and value not in ([], "")
    ]


def show_fact(key: str, value: Any) -> str:
    """A fact of an environment or a progress report, with the unit that its name implies."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return format_value(value)
    if key in ("started", "time"):
        return format_moment(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    if isinstance(value, list):
        return list_first([f"{inner:.4g}" if isinstance(inner, float) else str(inner) for inner in value], _MAX_LISTED)
    if isinstance(value, int | float):
        if "bytes" in key:
            return format_bytes(value)
        if "seconds" in key:
            return format_seconds(value)
        if "percent" in key:
            return f"{value:.0f} %"
        return f"{value:,}" if isinstance(value, int) and "pid" not in key else f"{value:g}"
    return str(value)


def closest_preset(spec: RunSpec) -> tuple[Preset | None, int]:
    """The preset that differs least, and in how many fields; None if the spec is a recipe of its own."""
    changes = {name: len(differing([spec, preset.spec], ignore=FREE_FIELDS)) for name, preset in PRESETS.items()}
    name = min(changes, key=lambda each: changes[each])
    return (PRESETS[name], changes[name]) if changes[name] <= _MAX_CHANGES else (None, changes[name])


def list_foreign_facts(run: Run, summary: RunSummary) -> list[str]:
    """What is known at once of a run that another tool logged."""
    record = run.foreign()
    keys = len(record["configuration"]) if record else 0
    known = [summary.dataset] if summary.dataset else []
    return [f"from {summary.tool}, without a spec of this lab", *known, count_of(keys, "configuration key")]


def describe_origin(spec: RunSpec) -> str:
    """The preset that a spec comes from, and how much of it was changed."""
    preset, changed = closest_preset(spec)
    if preset is None:
        return "own network"
    return f"{preset.title}, {changed} changed" if changed else preset.title


def write_run_command(run: Run) -> str:
    """The command that makes the run again: as `write_command`, of a branch from its parent's checkpoint."""
    record = read_branch(run.path)
    if record is None:
        return write_command(run.spec)
    here = flatten(run.spec)
    settings = [f"{path}={_write_value(here[path])}" for path in record.get("changes", {}) if path in here]
    sets = "".join(f" --set {shlex.quote(setting)}" for setting in settings)
    alone = " --weights" if record["use"] == "weights" else ""
    return f"python -m core branch {record['run']} --epoch {record['epoch']}{alone}{sets}"


def write_command(spec: RunSpec) -> str:
    """The command that trains this spec again: a preset and what differs, or the spec's file if no preset is close."""
    preset, _ = closest_preset(spec)
    if preset:
        here, there = flatten(spec), flatten(preset.spec)
        settings = [f"{path}={_write_value(value)}" for path, value in here.items() if there.get(path, ...) != value]
        with suppress(SpecError):
            # Not equal if the number of layers differs, which settings cannot change.
            if parse_spec(apply_settings(preset.spec.model_dump(mode="json"), settings)) == spec:
                sets = "".join(f" --set {shlex.quote(setting)}" for setting in settings)
                return f"python -m core train --preset {preset.name}{sets}"
    return "python -m core train spec.json"


def _write_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return f"[{','.join(map(_write_value, value))}]"
    return str(value)
