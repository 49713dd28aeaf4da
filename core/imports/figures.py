"""Which series of another tool are loss and accuracy on training, validation and test: guessed by name, or as chosen.

A choice is, for each of our figures, names of series in order of preference: a run takes the first that it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from core.imports.values import ForeignRun
from core.runs.foreign import FIGURES, PERCENT_FROM
from core.runs.records import MappedFigure
from core.runs.store import ensure_folder
from core.system import files
from core.system.folders import runs_folder
from core.system.names import readable

Choice = Mapping[str, Sequence[str]]  # by our figure
RULES = ".imports.json"
MAX_RULES = 200  # names a figure
MAX_PERCENT = 100.0

_SPLITS = {
    "train": {"train", "training", "tr", "fit"},
    "val": {"val", "valid", "validation", "eval", "evaluation", "dev"},
    "test": {"test", "testing"},
}
_MEASURES = {
    "loss": {"loss", "nll", "crossentropy", "xent"},
    "accuracy": {"acc", "accuracy", "acc1", "top1"},
}
# Words that change nothing in what a figure is; those after them make it another one.
_QUIET = {
    "epoch",
    "metrics",
    "metric",
    "avg",
    "average",
    "mean",
    "total",
    "multiclass",
    "categorical",
    "sparse",
    "top",
    "1",
}
_OTHER = {"best", "min", "max", "5", "k", "balanced", "ema", "lr", "std", "running", "smooth", "cls", "box", "holdout"}
_TOP_N = re.compile(r"(top|acc)([02-9]|[0-9]{2,})")  # the right class among several guesses: another figure


def guess_choice(runs: Iterable[ForeignRun], rules: Choice | None = None) -> dict[str, list[str]]:
    """For each figure the names that are likely to be it, best first; what people chose before comes first."""
    runs = list(runs)
    names = list(dict.fromkeys(name for run in runs for name in [*run.series, *run.results]))
    validated = _list_validated(runs)
    chosen_before = {
        name: (figure, place - MAX_RULES)  # before all guesses, in the order of preference
        for figure, kept in (rules or {}).items()
        for place, name in enumerate(kept[:MAX_RULES])
    }
    found: dict[str, list[tuple[int, str]]] = {figure: [] for figure in FIGURES}
    for name in names:
        figure, rank = chosen_before.get(name) or _guess(name)
        if name in validated and name not in chosen_before:
            figure = "val/accuracy"
        if figure in found:
            found[figure].append((rank, name))
    return {
        figure: [name for _, name in sorted(ranked, key=lambda each: (each[0], len(each[1])))]
        for figure, ranked in found.items()
    }


def choose(guessed: Choice, chosen: Choice) -> dict[str, list[str]]:
    """The guess with what people chose: names that come first in their figure, or none at all for an empty list.

    What was chosen for one figure is no guess for another.
    """
    taken = {name for names in chosen.values() for name in names}
    rest = {figure: [name for name in names if name not in taken] for figure, names in guessed.items()}
    return {
        figure: [*chosen[figure], *names] if chosen.get(figure) else [] if figure in chosen else names
        for figure, names in rest.items()
    }


def _list_validated(runs: Iterable[ForeignRun]) -> set[str]:
    """Accuracies that name no split and are those of validation in all runs that have them.

    Such as fastai's `accuracy` beside `train_loss` and `valid_loss`, and Ultralytics' `metrics/accuracy_top1`: the run
    names the split of its training loss, and has the accuracy at the steps of its validation loss.
    """
    found: dict[str, bool] = {}
    for run in runs:
        guessed = {name: _guess(name)[0] for name in run.series}
        names = {figure: [name for name, each in guessed.items() if each == figure] for figure in FIGURES}
        losses = names["train/loss"]
        is_told = bool(losses) and all(map(_list_splits, losses)) and not names["val/accuracy"]
        steps = [run.series[name].steps for name in names["val/loss"]] if is_told else []
        for name in names["train/accuracy"]:
            is_alike = any(np.array_equal(run.series[name].steps, each) for each in steps)
            found[name] = found.get(name, True) and is_alike and not _list_splits(name)
    return {name for name, is_validated in found.items() if is_validated}


@cache
def _words_of(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+[0-9]*|[0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))


def _list_splits(name: str) -> list[str]:
    return [each for each, known in _SPLITS.items() if _words_of(name) & known]


@cache
def _guess(name: str) -> tuple[str, int]:
    """The figure that a name tells, or "", and how sure that is: 0 at best."""
    words, splits = _words_of(name), _list_splits(name)
    measure = next((each for each, known in _MEASURES.items() if words & known), "")
    is_other = bool(words & _OTHER) or any(map(_TOP_N.fullmatch, words))
    is_other |= "top" in words and any(word.isdigit() and word != "1" for word in words)
    is_both = bool(words & _MEASURES["loss"] and words & _MEASURES["accuracy"])
    if not measure or is_both or len(splits) > 1 or is_other:
        return "", 0
    known = _MEASURES[measure] | _QUIET | (_SPLITS[splits[0]] if splits else set())
    unknown = len(words - known)
    if unknown > 1:
        return "", 0
    # Without a split it is what was trained on, as Keras has it.
    return f"{splits[0] if splits else 'train'}/{measure}", 4 * unknown + 2 * (not splits) + ("epoch" not in words)


def map_run(run: ForeignRun, choice: Choice) -> dict[str, MappedFigure]:
    """The series of this run for each figure, and of an accuracy whether it is in percent; no series serves twice."""
    mapping: dict[str, MappedFigure] = {}
    taken: set[str] = set()
    for figure in FIGURES:
        for name in choice.get(figure, ()):
            values = _values_of(run, name, figure)
            if values is None or name in taken:
                continue
            highest = float(np.max(values, where=np.isfinite(values), initial=0.0))
            is_share = figure.endswith("accuracy")
            if is_share and highest > MAX_PERCENT:
                continue  # no accuracy, whatever it is called
            percent = is_share and (highest > PERCENT_FROM or bool(re.search(r"percent|pct|%", name.lower())))
            mapping[figure] = {"series": name, "percent": percent}
            taken.add(name)
            break
    return mapping


def _values_of(run: ForeignRun, name: str, figure: str) -> Any:
    if name in run.series and len(run.series[name]):
        return run.series[name].values
    # A single value is no curve.
    return np.array([run.results[name]]) if figure.startswith("test/") and name in run.results else None


def read_rules() -> dict[str, list[str]]:
    """What people chose at earlier imports into this runs folder."""
    kept = (files.find_note(runs_folder() / RULES) or {}).get("figures")
    if not isinstance(kept, dict):
        return {}
    return {
        figure: [name for name in names if isinstance(name, str)]
        for figure, names in kept.items()
        if isinstance(names, list)
    }


def keep_rules(choice: Choice, guessed: Choice) -> None:
    """Keeps what was chosen otherwise than guessed, for the next import; a name that was taken away is kept as that.

    Raises OSError.
    """
    kept = read_rules()
    for figure in FIGURES:
        chosen, before = list(choice.get(figure, ())), list(guessed.get(figure, ()))
        if chosen == before:
            continue
        dropped = [name for name in before if name not in chosen]
        for names in kept.values():
            names[:] = [name for name in names if name not in {*chosen, *dropped}]
        kept[figure] = [*chosen, *kept.get(figure, [])][:MAX_RULES]
        still = {name for names in choice.values() for name in names}
        kept[""] = [*(name for name in dropped if name not in still), *kept.get("", [])][:MAX_RULES]
    files.write_json(ensure_folder() / RULES, {"figures": {k: [readable(n) for n in v] for k, v in kept.items() if v}})
