"""What a comparison is made of: runs as they stand now, seeds folded into groups, and what differs between them.

Runs are read once and kept: the same object comes back as long as nothing of the run has changed, so whatever is worked
out from it can be kept as well.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.cost import Cost, cost_of
from core.fields import field_at, flatten, format_value
from core.folders import runs_folder
from core.runs import ENDS, DamagedRunError, Run, RunNotFound, State, open_run
from core.spec import CHOICE_LABELS, RunSpec

MAX_RUNS = 50
SEED = "train.seed"
# The metrics last: all others seldom change.
_WATCHED = ("spec.json", "about.json", "environment.json", "end.json", "metrics.jsonl")
_NO_VALUES: npt.NDArray[np.float64] = np.empty(0)


class SpecFacts:
    """What follows from a run's spec alone: worked out once, however long the run goes on."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec

    @cached_property
    def cost(self) -> Cost:
        return cost_of(self.spec)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Every value of the spec by its path."""
        return flatten(self.spec)

    @cached_property
    def recipe(self) -> tuple[tuple[str, Any], ...]:
        """The spec but for its seed."""
        return tuple((path, value) for path, value in self.fields.items() if path != SEED)


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One run as it stood at one look; compared by identity, so it can be the key of a cache."""

    id: str
    name: str
    state: State
    facts: SpecFacts
    rows: list[dict[str, Any]]  # one dict an epoch
    environment: dict[str, Any]
    results: dict[str, Any]  # the figures of its end
    _columns: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    @property
    def spec(self) -> RunSpec:
        return self.facts.spec

    @property
    def seed(self) -> int:
        return self.spec.train.seed

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def is_untested(self) -> bool:
        """Whether it ended without a look at the test images, as the trials of a study do."""
        return self.state == "finished" and "test/accuracy" not in self.results

    @property
    def cost(self) -> Cost:
        return self.facts.cost

    @property
    def fields(self) -> dict[str, Any]:
        return self.facts.fields

    @property
    def recipe(self) -> tuple[tuple[str, Any], ...]:
        return self.facts.recipe

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """One metric over the epochs, (epochs,); NaN where it was not finite or not there. Do not change it."""
        known = self._columns.get(name, _NO_VALUES)
        if len(known) < len(self.rows):
            # A run that went on has the values of its earlier epochs from the last look.
            values = [finite(row.get(name)) for row in self.rows[len(known) :]]
            known = np.append(known, np.array([math.nan if value is None else value for value in values], float))
            self._columns[name] = known
        return known

    def columns_for(self, rows: list[dict[str, Any]]) -> dict[str, npt.NDArray[np.float64]]:
        """What is known of the metrics of `rows`, where they go on from this run's; nothing where they start anew."""
        count = len(self.rows)
        goes_on = count <= len(rows) and (not count or rows[count - 1] is self.rows[-1])
        return dict(self._columns) if goes_on else {}


def finite(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


# Looking --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """The runs that can be compared, in the order asked for, and a sentence for each that cannot."""

    runs: tuple[ComparedRun, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Known:
    stamp: tuple[tuple[int, int], ...]
    run: Run
    compared: ComparedRun


_known: dict[str, _Known] = {}
_lock = threading.Lock()


def look_at(run_ids: Iterable[str]) -> Look:
    """Reads the runs; what is missing or damaged gets a sentence, and the rest stays."""
    wanted = list(dict.fromkeys(run_ids))
    runs, problems = [], []
    for run_id in wanted[:MAX_RUNS]:
        try:
            runs.append(read_run(run_id))
        except RunNotFound:
            problems.append(f"There is no run {run_id[:60]}: it may have been deleted.")
        except (DamagedRunError, OSError) as error:
            problems.append(f"The run {run_id} is left out, because it cannot be read: {error}.")
    if len(wanted) > MAX_RUNS:
        problems.append(f"Only the first {MAX_RUNS} of {len(wanted)} runs are compared.")
    return Look(tuple(runs), tuple(problems))


def read_run(run_id: str) -> ComparedRun:
    """The run as it stands; the same object while it stands still. Raises RunNotFound, DamagedRunError, OSError."""
    key = str(runs_folder() / run_id)
    with _lock:
        known = _known.pop(key, None)
        run = known.run if known else open_run(run_id)
        stamp = _stamp(run.path)
        if stamp[0] == _GONE and not run.path.is_dir():
            raise RunNotFound(f"There is no run {run_id}.")
        if known and known.stamp[0] != stamp[0]:
            run, known = open_run(run_id), None
        if not known:
            known = _Known(stamp, run, _read(run))
        elif known.stamp[:-1] != stamp[:-1]:
            known = _Known(stamp, run, _read(run, known.compared))
        elif known.stamp != stamp or known.compared.state not in ENDS:
            known = _Known(stamp, run, _read_on(run, known.compared))
        # Of a run that was deleted meanwhile, only half may have been read.
        if not run.path.is_dir():
            raise RunNotFound(f"There is no run {run_id}.")
        _known[key] = known
        while len(_known) > 4 * MAX_RUNS:
            _known.pop(next(iter(_known)))
        return known.compared


_GONE = (0, -1)


def _stamp(folder: Path) -> tuple[tuple[int, int], ...]:
    """Time and size of the files that a run's figures come from."""
    stamps = [_GONE] * len(_WATCHED)
    for place, name in enumerate(_WATCHED):
        with suppress(FileNotFoundError):
            stat = os.stat(f"{folder}/{name}")
            stamps[place] = (stat.st_mtime_ns, stat.st_size)
    return tuple(stamps)


def _read(run: Run, before: ComparedRun | None = None) -> ComparedRun:
    if damage := run.damage():
        raise DamagedRunError(damage)
    # The state first: what is read after it can only be newer.
    state = run.read_state()
    name, rows, environment = run.about.name, run.rows(), run.environment()
    results = (run.end() or {}).get("metrics") or {}
    facts, columns = (before.facts, before.columns_for(rows)) if before else (SpecFacts(run.spec), {})
    return ComparedRun(run.id, name, state, facts, rows, environment, results, columns)


def _read_on(run: Run, before: ComparedRun) -> ComparedRun:
    """Of a run whose other files stand still, the epochs; and its state, as its process may have died or begun."""
    state, rows = run.read_state(), run.rows()
    if before.rows is rows and before.state == state:
        return before
    return replace(before, state=state, rows=rows, _columns=before.columns_for(rows))


# Units: runs, or groups of seeds ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """What is compared as one: a single run, or runs that differ only in their seed."""

    runs: tuple[ComparedRun, ...]
    name: str

    @property
    def id(self) -> str:
        """The run whose colour and place it has: the one with the smallest seed."""
        return min(self.runs, key=lambda run: (run.seed, run.id)).id

    @property
    def first(self) -> ComparedRun:
        return self.runs[0]

    @property
    def is_group(self) -> bool:
        return len(self.runs) > 1

    @property
    def seeds(self) -> tuple[ComparedRun, ...]:
        """One run of every seed, the one that came furthest: a seed that is repeated tells nothing new."""
        furthest: dict[int, ComparedRun] = {}
        for run in self.runs:
            known = furthest.get(run.seed)
            if known is None or (bool(run.results), len(run.rows)) > (bool(known.results), len(known.rows)):
                furthest[run.seed] = run
        return tuple(furthest.values())


def make_units(runs: Sequence[ComparedRun], *, fold: bool) -> list[Unit]:
    """One unit a run or, folded, one for all that differ only in their seed; names are made to differ."""
    groups = _group_seeds(runs) if fold else [[run] for run in runs]
    names = [_name_group(group) for group in groups]
    units = []
    for group, name in zip(groups, names, strict=True):
        alike = names.count(name) > 1
        units.append(Unit(tuple(group), f"{name} ({group[0].id[-6:]})" if alike else name))
    return units


def _group_seeds(runs: Sequence[ComparedRun]) -> list[list[ComparedRun]]:
    """Runs of equal specs but for the seed, on the same images where they say which they had."""
    groups: list[list[ComparedRun]] = []
    alike: dict[Any, list[list[ComparedRun]]] = {}
    for run in runs:
        candidates = alike.setdefault(run.recipe, [])
        group = next((group for group in candidates if same_test_images(run, group[0])), None)
        if group is None:
            group = []
            groups.append(group)
            candidates.append(group)
        group.append(run)
    return groups


def _name_group(runs: Sequence[ComparedRun]) -> str:
    if len(runs) == 1:
        return runs[0].name
    stems = [re.sub(r"[\s,;:_·–-]*\bseed\W*\d+\s*$", "", run.name, flags=re.IGNORECASE).strip() for run in runs]
    if stems[0] and len(set(stems)) == 1:
        return stems[0]
    return f"{runs[0].name} and {len(runs) - 1} more"


def put_first(run_ids: Sequence[str], chosen: Iterable[str]) -> list[str]:
    """The ids with the chosen ones in front: the first is the baseline."""
    front = [run_id for run_id in run_ids if run_id in set(chosen)]
    return front + [run_id for run_id in run_ids if run_id not in set(front)]


# What differs -------------------------------------------------------------------------------------------------------


def list_fields(units: Sequence[Unit], *, only_differing: bool) -> list[str]:
    """Paths of the specs in the order of the form; without those that have no effect in any of the runs.

    With groups, the seed is no difference.
    """
    runs = [unit.first for unit in units]
    ignored = {SEED} if any(unit.is_group for unit in units) else set()
    paths = dict.fromkeys(path for run in runs for path in run.fields if path not in ignored)
    return [
        path
        for path in paths
        if (not only_differing or len({run.fields.get(path) for run in runs}) > 1)
        and any(_applies(run, path) for run in runs)
    ]


def _applies(run: ComparedRun, path: str) -> bool:
    """Whether the field has an effect in this run: the momentum of Adam has none."""
    if path not in run.fields:
        return False
    section = path.rpartition(".")[0]
    siblings = {name: run.fields.get(f"{section}.{name}") for name in field_at(path).when}
    return field_at(path).applies(siblings)


def show_field(run: ComparedRun, path: str) -> str:
    """The value as people read it; empty where the field is not there or has no effect."""
    if not _applies(run, path):
        return ""
    value, spec_field = run.fields[path], field_at(path)
    if spec_field.kind == "choice":
        return CHOICE_LABELS.get(value, str(value))
    return f"{format_value(value)} {spec_field.unit}".rstrip()


def label_field(path: str) -> str:
    """`Channels of layer 2` for `model.layers[1].channels`."""
    label = field_at(path).label
    layer = re.match(r"^model\.layers\[([0-9]+)\]\.", path)
    return f"{label} of layer {int(layer[1]) + 1}" if layer else label


def numeric_fields(units: Sequence[Unit]) -> list[str]:
    """Paths that hold a number in every unit and differ between them, to draw as an axis."""
    kinds = ("int", "float")
    return [
        path
        for path in list_fields(units, only_differing=True)
        if field_at(path).kind in kinds and all(path in unit.first.fields for unit in units)
    ]


# What does not compare ----------------------------------------------------------------------------------------------


def find_mismatches(units: Sequence[Unit]) -> list[str]:
    """Sentences on what was trained or measured on other images than the baseline; empty where all compare."""
    if len(units) < 2:
        return []
    baseline = units[0].first
    found: dict[str, list[str]] = {}
    for unit in units[1:]:
        sentence = _find_mismatch(unit.first, baseline)
        if sentence:
            found.setdefault(sentence, []).append(unit.name)
    return [f"{_join(names)}: {sentence}" for sentence, names in found.items()]


def _find_mismatch(run: ComparedRun, baseline: ComparedRun) -> str:
    if not same_data(run, baseline):
        return (
            f"another data set than the baseline's ({name_data(run)} instead of {name_data(baseline)}), so accuracies "
            "and losses do not compare."
        )
    if not same_test_images(run, baseline):
        return "other test and validation images than the baseline's, so differences are partly those of the images."
    if not _same_validation_images(run, baseline):
        return "other validation images than the baseline's; test figures compare, validation figures only roughly."
    return ""


def _join(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def name_data(run: ComparedRun) -> str:
    """The data set as people call it; an image folder by its own name."""
    data = run.spec.data
    return Path(data.folder).name or data.folder if data.dataset == "folder" else CHOICE_LABELS[data.dataset]


def same_data(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both are of the same data set, or folder of images."""
    return (a.spec.data.dataset, _folder(a)) == (b.spec.data.dataset, _folder(b))


def _folder(run: ComparedRun) -> str:
    return run.spec.data.folder.rstrip("/") if run.spec.data.dataset == "folder" else ""


def same_test_images(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both were tested on the same images, as far as their specs and fingerprints tell.

    CIFAR has test images of its own; elsewhere the split decides. A share for validation or a cap does not move them.
    """
    if not same_data(a, b):
        return False
    prints = [run.environment.get("data_fingerprint") for run in (a, b)]
    if a.spec.data == b.spec.data:
        # The same choices and other images: the folder's files have changed in between.
        return None in prints or prints[0] == prints[1]
    if a.spec.data.dataset in ("cifar10", "cifar100"):
        return True
    return _split(a) == _split(b)


def _split(run: ComparedRun) -> tuple[int, float]:
    return run.spec.data.split_seed, run.spec.data.test_fraction


def _same_validation_images(a: ComparedRun, b: ComparedRun) -> bool:
    return same_test_images(a, b) and (_split(a), a.spec.data.val_fraction) == (_split(b), b.spec.data.val_fraction)
