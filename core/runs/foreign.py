"""Runs that another tool logged: a record in place of a spec, all series, and of those that are ours a row an epoch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.runs.records import ForeignRecord, MappedFigure, Scalar
from core.runs.series import Series
from core.runs.shapes import MAX_NUMBER
from core.spec import RunSpec
from core.spec.fields import field_at
from core.spec.parse import SpecError
from core.spec.settings import set_values
from core.text.safe import plain

TOOLS = {
    "tensorboard": "TensorBoard",
    "wandb": "Weights & Biases",
    "mlflow": "MLflow",
    "trackio": "Trackio",
    "dvclive": "DVCLive",
    "swanlab": "SwanLab",
    "clearml": "ClearML",
    "csv": "a table",
    "script": "a script",
}
FIGURES = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "test/loss", "test/accuracy")
MAX_ROWS = 2000  # for charts; the series keep every point
PERCENT_FROM = 1.001  # an accuracy above it is in percent: a share of 1 may be a little more, as it was rounded
# Our field by the last part of its usual names elsewhere, in lower case.
KNOWN_KEYS = {
    "train.learning_rate": ("learning_rate", "learningrate", "lr", "base_lr", "init_lr", "initial_lr", "lr0", "eta"),
    "train.batch_size": ("batch_size", "batchsize", "batch", "train_batch_size", "per_device_train_batch_size", "bs"),
    "train.epochs": ("epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "nb_epochs"),
    "train.optimizer": ("optimizer", "optim", "opt", "optimizer_name", "optimiser"),
    "train.weight_decay": ("weight_decay", "weightdecay", "wd"),
    "train.seed": ("seed", "random_seed", "random_state", "manual_seed"),
    "data.dataset": ("dataset", "data", "dataset_name"),
}
_FIELDS = {name: field for field, names in KNOWN_KEYS.items() for name in names}


def name_tool(format: str) -> str:
    return TOOLS.get(format) or plain(format)


def match_keys(configuration: Mapping[str, Scalar]) -> dict[str, str]:
    """Which key of a configuration is which of our fields; of several, the one that is nested least and comes first."""
    matched: dict[str, str] = {}
    for key in sorted(configuration, key=lambda each: each.count(".") + each.count("/")):
        field = _FIELDS.get(
            key.replace("/", ".").rpartition(".")[2].strip().lower().replace("-", "_").replace(" ", "_")
        )
        if field and configuration[key] is not None:
            matched.setdefault(field, key)
    return matched


def read_known(configuration: Mapping[str, Scalar]) -> dict[str, tuple[str, Any]]:
    """By our field the key that is it and its value, as ours would be; what does not fit is not known."""
    found: dict[str, tuple[str, Any]] = {}
    for path, key in match_keys(configuration).items():
        spec_field, value = field_at(path), configuration[key]
        number = read_number(value)
        if spec_field.kind == "float" and number is not None:
            found[path] = key, number
        elif spec_field.kind == "int" and number is not None and number.is_integer():
            found[path] = key, int(number)
        elif spec_field.kind == "choice" and (choice := _find_choice(str(value), spec_field.choices)):
            found[path] = key, choice
    return found


def _find_choice(text: str, choices: Iterable[str]) -> str:
    """CIFAR-10 is cifar10, torch.optim.SGD is sgd."""
    last = re.sub(r"[^a-z0-9]", "", text.rpartition(".")[2].lower())
    return next((choice for choice in choices if re.sub(r"[^a-z0-9]", "", choice) == last), "")


def read_number(value: Scalar) -> float | None:
    """A finite number, also one that a tool keeps as text."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def make_rows(
    series: Mapping[str, Series], mapping: Mapping[str, MappedFigure], started: float | None = None
) -> list[dict[str, Any]]:
    """Rows as a worker writes them, one for each step at which the run was validated (or else logged its training).

    Of a step that comes twice the later point counts, as after a resume. What was logged on training images since the
    row before is shown by its last point. At most `MAX_ROWS`, with the best of validation among them.
    """
    points = {
        figure: _last_of_steps(series[mapped["series"]], 100.0 if mapped["percent"] else 1.0)
        for figure, mapped in mapping.items()
        if not figure.startswith("test/") and mapped["series"] in series
    }
    validated = [each[0] for figure, each in points.items() if figure.startswith("val/")]
    steps = _union(validated)
    if len(steps) < 2:
        steps = _union(each[0] for each in points.values())
    columns = {
        figure: _at(steps, each, exact=figure.startswith("val/") and len(validated) > 0)
        for figure, each in points.items()
    }
    times = np.full(len(steps), np.nan)
    for known_steps, _, known_times in points.values():
        times = np.fmax(times, _at(steps, (known_steps, known_times, known_times), exact=True))
    begun = started if started is not None else (float(np.nanmin(times)) if not np.isnan(times).all() else math.nan)
    rows = []
    for number, index in enumerate(_pick(columns, len(steps)), 1):
        step = int(steps[index])
        row: dict[str, Any] = {"epoch": number, "step": step if abs(step) < MAX_NUMBER else float(step)}
        row |= {figure: _value(column[index]) for figure, column in columns.items()}
        if begun <= times[index] < math.inf:
            row["seconds"] = float(times[index] - begun)
        rows.append(row)
    return rows


def _value(number: float) -> float | None:
    """What was not logged at this step is told apart from what was not a number by nobody: both are gaps."""
    return None if math.isnan(number) else float(number)


def _last_of_steps(series: Series, whole: float) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Steps in order, each once, with its last value as a part of the whole, and time; (steps,) each."""
    steps, first = np.unique(series.steps[::-1], return_index=True)
    last = len(series.steps) - 1 - first
    return steps, series.values[last] / whole, series.times[last]


def _union(steps: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([np.empty(0, np.int64), *steps]))


def _at(
    steps: NDArray[np.int64], points: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]], *, exact: bool
) -> NDArray[np.float64]:
    """The value at each step, or without `exact` the last since the step before; NaN where there is none."""
    known, values, _ = points
    if not len(known):
        return np.full(len(steps), np.nan)
    index = np.searchsorted(known, steps, side="right") - 1
    is_new = (index >= 0) & (np.diff(index, prepend=-1) > 0)
    if exact:
        is_new &= known[index] == steps
    return np.where(is_new, values[index], np.nan)


def _pick(columns: Mapping[str, NDArray[np.float64]], count: int) -> Iterable[int]:
    if count <= MAX_ROWS:
        return range(count)
    chosen = set(np.linspace(0, count - 1, MAX_ROWS - 2).round().astype(int).tolist())
    for figure, best in (("val/accuracy", np.nanargmax), ("val/loss", np.nanargmin)):
        column = columns.get(figure)
        if column is not None and not np.isnan(column).all():
            chosen.add(int(best(column)))
    return sorted(chosen)


def end_metrics(
    series: Mapping[str, Series], results: Mapping[str, float], mapping: Mapping[str, MappedFigure]
) -> dict[str, float]:
    """The test figures of a run: the last point of the series that was chosen, or the single value of that name."""
    found = {}
    for figure, mapped in mapping.items():
        if not figure.startswith("test/"):
            continue
        points = series.get(mapped["series"])
        value = float(points.values[-1]) if points is not None and len(points) else results.get(mapped["series"])
        if value is not None:
            found[figure] = value / (100.0 if mapped["percent"] else 1.0)
    return found


def start_spec(configuration: Mapping[str, Scalar]) -> tuple[RunSpec, list[str], list[str]]:
    """A spec to start from: the default one with what is known of a configuration.

    Also our paths that are taken from it, and the keys that are not.
    """
    spec, taken = RunSpec(), {}
    for path, (key, value) in read_known(configuration).items():
        with suppress(SpecError):  # out of our range, or a folder of images that is not told
            spec = set_values(spec, {path: value})
            taken[path] = key
    return spec, list(taken), [key for key in configuration if key not in taken.values()]


def describe_foreign(record: ForeignRecord) -> str:
    return f"This run was imported from {name_tool(record['format'])}"
