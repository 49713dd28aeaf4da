"""What a comparison is made of: runs as they are now.

Runs are read once and kept: the same object comes back until the run changes, so what follows from it can be kept too.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.runs import layout, metrics
from core.runs.branches import read_branch
from core.runs.folder import Run
from core.runs.foreign import name_tool, read_known
from core.runs.records import ENDS, BranchRecord, DamagedRunError, Environment, ForeignRecord, RunNotFoundError, State
from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.cost import Cost, cost_of
from core.spec.fields import flatten
from core.spec.train import SEED, WITHOUT_EFFECT
from core.system.errors import LabError
from core.system.folders import runs_folder

MAX_RUNS = 50
CONFIGURATION = "configuration."  # in front of a key of another tool's


class SpecFacts:
    """What follows from a run's spec alone: worked out once, however long the run goes on.

    Of a damaged run, everything here may raise DamagedRunError.
    """

    def __init__(self, read_spec: Callable[[], RunSpec], branch_id: str = "") -> None:
        self._read_spec, self._branch_id = read_spec, branch_id

    @cached_property
    def spec(self) -> RunSpec:
        return self._read_spec()

    @cached_property
    def cost(self) -> Cost:
        return cost_of(self.spec)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Every value of the spec by its path."""
        return flatten(self.spec)

    @cached_property
    def recipe(self) -> tuple[tuple[str, Any], ...]:
        """The spec but for its seed, and what has no effect; of a branch its own, as it shares epochs with others."""
        whose = (("run", self._branch_id),) if self._branch_id else ()
        kept = ((path, value) for path, value in self.fields.items() if path not in (SEED, *WITHOUT_EFFECT))
        return (*whose, *kept)


class ForeignFacts(SpecFacts):
    """What the configuration of a run of another tool tells; such a run has neither spec nor cost."""

    def __init__(self, read_spec: Callable[[], RunSpec], record: ForeignRecord, run_id: str) -> None:
        super().__init__(read_spec)
        self._record, self._id = record, run_id

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Its values by the path of our field where a key is known, else as `configuration.KEY`."""
        known = read_known(self._record["configuration"])
        taken = {key for key, _ in known.values()}
        rest = {f"{CONFIGURATION}{key}": v for key, v in self._record["configuration"].items() if key not in taken}
        return {**{path: value for path, (_, value) in known.items()}, **rest}

    @cached_property
    def recipe(self) -> tuple[tuple[str, Any], ...]:
        """Without a seed that is told, nobody knows whether two runs are one recipe: then it is the run's own."""
        whose = () if SEED in self.fields else (("run", self._id),)
        return (("tool", self._record["format"]), *whose, *super().recipe)


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One run as it was at one look; compared by identity, so it can be the key of a cache."""

    id: str
    name: str
    state: State
    facts: SpecFacts
    rows: list[dict[str, Any]]  # one dict an epoch
    environment: Environment
    results: dict[str, Any]  # the figures of its end
    damage: str = ""
    colour: str = ""  # chosen by a person; empty: its own, by its id
    tool: str = ""  # that logged it; empty: this lab
    branch: BranchRecord | None = None  # where it began, if that was no first epoch of its own
    members: tuple[ComparedRun, ...] = ()  # that answer together as this one, an ensemble; empty: a run
    _columns: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    @property
    def spec(self) -> RunSpec:
        return self.facts.spec

    @property
    def seed(self) -> int:
        """Of a run of another tool what its configuration says, else 0."""
        return int(self.fields.get(SEED, 0)) if self.tool else self.spec.train.seed

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def is_untested(self) -> bool:
        """Whether it ended without a look at the test images, as the trials of a study do."""
        return self.state == "finished" and "test/accuracy" not in self.results and not self.tool

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
        """One metric over the epochs, (epochs,); NaN if it was not finite or not there. Do not change it."""
        known = self._columns.get(name, np.empty(0))
        if len(known) < len(self.rows):
            # A run that went on has the values of its earlier epochs from the last look.
            values = [finite(row.get(name)) for row in self.rows[len(known) :]]
            self._columns[name] = known = np.append(known, np.array(values, float))  # None becomes NaN
        return known

    def columns_for(self, rows: list[dict[str, Any]]) -> dict[str, npt.NDArray[np.float64]]:
        """What is known of the metrics of `rows`, if they continue this run's; nothing if they start anew."""
        count = len(self.rows)
        goes_on = count <= len(rows) and (not count or rows[count - 1] is self.rows[-1])
        return dict(self._columns) if goes_on else {}


def finite(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    return None


@dataclass(frozen=True)
class Look:
    """The runs that can be compared, in the order asked for, and a sentence for each that cannot."""

    runs: tuple[ComparedRun, ...]
    problems: tuple[str, ...] = ()


_FileStamp = tuple[int, int] | None  # time and size; None if there is no such file


class _Stamp(NamedTuple):
    """Of the files that a run's figures come from."""

    spec: _FileStamp
    about: _FileStamp
    environment: _FileStamp
    end: _FileStamp
    metrics: _FileStamp


@dataclass(frozen=True)
class _Known:
    stamp: _Stamp
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
            run = read_run(run_id)
            if run.damage:
                raise DamagedRunError(run.damage)
            runs.append(run)
        except RunNotFoundError:
            problems.append(f"There is no run {run_id[:60]}: it may have been deleted.")
        except (LabError, OSError) as error:
            problems.append(f"The run {run_id} is left out, because it cannot be read: {error}.")
    if len(wanted) > MAX_RUNS:
        problems.append(f"Only the first {MAX_RUNS} of {len(wanted)} runs are compared.")
    return Look(tuple(runs), tuple(problems))


def read_runs(run_ids: Iterable[str]) -> list[ComparedRun]:
    """The runs that are there, damaged ones among them: their curves may be whole."""
    runs = []
    for run_id in run_ids:
        with suppress(RunNotFoundError, OSError):
            runs.append(read_run(run_id))
    return runs


def read_run(run_id: str) -> ComparedRun:
    """The run now, damaged or not; the same object until it changes. Raises RunNotFoundError, OSError."""
    key = str(runs_folder() / run_id)
    with _lock:
        known = _known.pop(key, None)
        run = known.run if known else open_run(run_id)
        stamp = _stamp(run.path)
        if stamp.spec is None and not run.path.is_dir():
            raise RunNotFoundError(f"There is no run {run_id}.")
        if known and known.stamp.spec != stamp.spec:
            run, known = open_run(run_id), None
        if not known:
            known = _Known(stamp, run, _read(run))
        elif known.compared.damage or known.stamp._replace(metrics=stamp.metrics) != stamp:
            known = _Known(stamp, run, _read(run, known.compared))
        elif known.stamp != stamp or known.compared.state not in ENDS:
            known = _Known(stamp, run, _read_on(run, known.compared))
        # Of a run that was deleted meanwhile, only half may have been read.
        if not run.path.is_dir():
            raise RunNotFoundError(f"There is no run {run_id}.")
        _known[key] = known
        while len(_known) > 4 * MAX_RUNS:
            _known.pop(next(iter(_known)))
        return known.compared


def _stamp(folder: Path) -> _Stamp:
    names = (layout.SPEC, layout.ABOUT, layout.ENVIRONMENT, layout.END, layout.METRICS)
    spec, *others = (_stamp_file(folder / name) for name in names)
    return _Stamp(spec or _stamp_file(folder / layout.FOREIGN), *others)


def _stamp_file(path: Path) -> _FileStamp:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _read(run: Run, before: ComparedRun | None = None) -> ComparedRun:
    damage = run.damage()
    # The state first: what is read after it can only be newer.
    state = "damaged" if damage else run.read_state()
    about, rows, environment = run.about, run.rows(), run.environment()
    facts, columns = (before.facts, before.columns_for(rows)) if before else (_make_facts(run), {})
    tool = name_tool(record["format"]) if (record := run.foreign()) else ""
    results, branch = run.results(), read_branch(run.path)
    return ComparedRun(
        run.id, about.name, state, facts, rows, environment, results, damage, about.colour, tool, branch, (), columns
    )


def _make_facts(run: Run) -> SpecFacts:
    record = run.foreign()
    if record:
        return ForeignFacts(lambda: run.spec, record, run.id)
    return SpecFacts(lambda: run.spec, run.id if read_branch(run.path) else "")


def _read_on(run: Run, before: ComparedRun) -> ComparedRun:
    """The epochs of a run whose other files are unchanged; and its state, as its process may have died or begun."""
    state, rows = run.read_state(), run.rows()
    if metrics.find_fault(run.path / layout.METRICS):
        return _read(run, before)
    if before.rows is rows and before.state == state:
        return before
    return replace(before, state=state, rows=rows, _columns=before.columns_for(rows))
