"""Keeps what a reader found as runs of the lab: each once, and brought up to date when it has grown."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from core.imports.figures import Choice, map_run
from core.imports.values import ForeignRun, Scalar, count_points
from core.runs import layout
from core.runs.folder import Run
from core.runs.foreign import end_metrics, make_rows, name_tool
from core.runs.records import (
    MAX_TAG,
    MAX_TAGS,
    MAX_TEXT,
    YEAR_5000,
    About,
    End,
    ForeignRecord,
    MappedFigure,
    RunNotFoundError,
)
from core.runs.series import MAX_NAME_BYTES, MAX_NAMES, Series
from core.runs.store import ensure_folder, open_run, write_foreign
from core.runs.store import publish_foreign as _publish
from core.system.files import to_strict
from core.system.folders import runs_folder
from core.system.locks import hold
from core.system.names import readable
from core.text.words import count_of, join_words, list_first

MAX_KEYS, MAX_KEY, MAX_VALUE = 1000, 300, 2000  # of a configuration
MAX_REMARKS, MAX_RUN_KEY = 100, 2000
MAX_TOLD = 8  # remarks at once
LOCK = ".imports.lock"  # of the runs folder
UNTOLD = "{tool} does not tell how a run ended."
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}


def publish_foreign(run: ForeignRun, mapping: Mapping[str, MappedFigure], *, started_by: str = "") -> str:
    """Keeps a run of another tool as one of the lab's and returns its id; `mapping` says which series is which figure.

    Raises RunsFolderError.
    """
    record = make_record(run, mapping)
    rows = make_rows(run.series, mapping, run.started)
    end = make_end(run, record, len(rows))
    return _publish(record, make_about(run, started_by), _keepable(run), rows, end=end)


@dataclass(frozen=True)
class Planned:
    """What an import would do with one run: it is new, here already, or here and has grown since."""

    run: ForeignRun
    mapping: Mapping[str, MappedFigure]
    outcome: Literal["new", "grown", "here"]
    id: str = ""  # of the run that is here

    @property
    def sentence(self) -> str:
        match self.outcome:
            case "here":
                return f"{self.run.name} is already here."
            case "grown":
                return f"{self.run.name} was brought up to date."
        return f"{self.run.name} was imported from {name_tool(self.run.format)}."

    @property
    def forecast(self) -> str:
        """What an import would do, while nothing is kept."""
        match self.outcome:
            case "here":
                return self.sentence
            case "grown":
                return f"{self.run.name} would be brought up to date."
        return f"{self.run.name} would be imported from {name_tool(self.run.format)}."


def plan_import(runs: Sequence[ForeignRun], choice: Choice) -> list[Planned]:
    """What each run would become; a run that a tool wrote twice counts once, as the longer of the two."""
    longest: dict[tuple[str, str], ForeignRun] = {}
    for run in runs:
        known = longest.get(_key_of(run))
        if known is None or count_points(run) > count_points(known):
            longest[_key_of(run)] = run
    here = _Imported().look()
    return [_plan(run, map_run(run, choice), here.get(key)) for key, run in longest.items()]


def _plan(run: ForeignRun, mapping: Mapping[str, MappedFigure], here: Run | None) -> Planned:
    record = here and here.foreign()
    if not here or not record:
        return Planned(run, mapping, "new")
    new = to_strict(dict(make_record(run, mapping)))
    same = all(new.get(key) == record.get(key) for key in {*new, *record} - {"imported"})
    # A copy that is older than what is here, or read without its times, takes nothing away.
    here_points = record.get("points", 0)
    is_less = count_points(run) < here_points or (count_points(run) == here_points and _lacks_times(run, here))
    return Planned(run, mapping, "here" if same or is_less else "grown", here.id)


def _lacks_times(run: ForeignRun, here: Run) -> bool:
    """Whether no point has a time, and some of the run that is here have, as of a table whose columns were chosen."""
    if any(np.isfinite(series.times).any() for series in run.series.values()):
        return False
    return any(np.isfinite(series.times).any() for series in here.series().series.values())


def keep_runs(planned: Iterable[Planned], *, started_by: str = "") -> Iterator[Planned]:
    """Does what was planned, run by run, and yields what came of it, with the id.

    Two imports of the same run at once keep it once: each looks again, under a lock, for what the other has brought.
    Raises RunsFolderError, OSError.
    """
    folder, here = ensure_folder(), _Imported()
    for each in planned:
        with hold(folder / LOCK):
            now = _plan(each.run, each.mapping, here.look().get(_key_of(each.run)))
            run_id = now.id or publish_foreign(now.run, now.mapping, started_by=started_by)
            if now.outcome == "grown":
                _bring_up_to_date(open_run(run_id), now)
        yield replace(now, id=run_id)


def _bring_up_to_date(here: Run, planned: Planned) -> None:
    record = make_record(planned.run, planned.mapping)
    rows = make_rows(planned.run.series, planned.mapping, planned.run.started)
    with hold(here.path / layout.CONTROL):
        write_foreign(here.path, record, _keepable(planned.run), rows, make_end(planned.run, record, len(rows)))


def describe_planned(planned: Planned) -> list[str]:
    """What is known of a run before it is kept: what it holds, which series are our figures, what is left out."""
    run = planned.run
    steps = [int(step) for each in run.series.values() if len(each) for step in (each.steps.min(), each.steps.max())]
    parts = [
        count_of(len(run.series), "series", "series"),
        count_of(count_points(run), "point"),
        f"steps {min(steps):,} to {max(steps):,}" if steps else "",
        count_of(len(run.configuration), "configuration key") if run.configuration else "",
    ]
    figures = tell_figures(planned.mapping)
    return [
        f"{', '.join(filter(None, parts))}.",
        f"Figures: {join_words(figures)}." if figures else "No series is known as loss or accuracy.",
        *list_left_out(run.left_out),
        *run.remarks[:MAX_TOLD],
        *([f"And {len(run.remarks) - MAX_TOLD:,} more remarks."] if len(run.remarks) > MAX_TOLD else []),
    ]


def tell_figures(mapping: Mapping[str, MappedFigure]) -> list[str]:
    """`val/accuracy from val_acc (in percent)` and so on."""
    return [
        f"{figure} from {each['series']}{' (in percent)' if each['percent'] else ''}"
        for figure, each in mapping.items()
    ]


def list_left_out(left_out: Mapping[str, int]) -> list[str]:
    """A sentence with all that is not taken, and how many of each; nothing if all is."""
    told = [f"{count:,} × {what}" for what, count in left_out.items() if count]
    return [f"Left out: {list_first(told, MAX_TOLD)}."] if told else []


def _key_of(run: ForeignRun) -> tuple[str, str]:
    return run.format, readable(run.key)[:MAX_RUN_KEY]


class _Imported:
    """The runs of other tools that are here, by format and key; of what was seen before, no file is read again."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, str] | None] = {}

    def look(self) -> dict[tuple[str, str], Run]:
        found = {}
        for path in sorted(runs_folder().glob(f"[0-9]*/{layout.FOREIGN}")):
            run_id = path.parent.name
            with suppress(RunNotFoundError):
                run = open_run(run_id)
                if run_id not in self._keys:
                    record = run.foreign()
                    self._keys[run_id] = (record["format"], record["key"]) if record else None
                if key := self._keys[run_id]:
                    found[key] = run
        return found


def _keepable(run: ForeignRun) -> dict[str, Series]:
    """The series but for those of endless names, and for more than a run can have."""
    short = [name for name in run.series if 1 <= len(name.encode(errors="replace")) <= MAX_NAME_BYTES]
    return {name: run.series[name] for name in short[:MAX_NAMES]}


def make_record(run: ForeignRun, mapping: Mapping[str, MappedFigure]) -> ForeignRecord:
    left_out = {readable(what)[:MAX_KEY]: count for what, count in run.left_out.items()}
    configuration: dict[str, Scalar] = {}
    cut = 0
    for key, value in list(run.configuration.items())[:MAX_KEYS]:
        kept = _bound(value)
        cut += isinstance(value, str) and kept != readable(value)
        configuration[readable(key)[:MAX_KEY]] = kept
    if cut:
        left_out[f"texts of the configuration cut to {MAX_VALUE:,} characters"] = cut
    if (more := len(run.configuration) - MAX_KEYS) and more > 0:
        left_out[f"configuration beyond {MAX_KEYS:,} keys"] = more
    if (more := len(run.results) - MAX_KEYS) and more > 0:
        left_out[f"single values beyond {MAX_KEYS:,}"] = more
    if lost := len(run.series) - len(_keepable(run)):
        left_out[f"series with a name of over {MAX_NAME_BYTES:,} bytes, or beyond {MAX_NAMES:,}"] = lost
    record: ForeignRecord = {
        "format": run.format,
        "key": readable(run.key)[:MAX_RUN_KEY],
        "configuration": configuration,
        "mapping": dict(mapping),
        "results": {readable(name)[:MAX_KEY]: _spell(value) for name, value in list(run.results.items())[:MAX_KEYS]},
        "metrics": dict(end_metrics(run.series, run.results, mapping)),
        "left_out": left_out,
        "remarks": [readable(remark)[:MAX_VALUE] for remark in run.remarks[:MAX_REMARKS]],
        "state": run.state,
        "started": _moment(run.started),
        "imported": time.time(),
        "points": sum(map(len, run.series.values())),
    }
    if record["started"] is None:
        del record["started"]
    return record


def _bound(value: Scalar) -> Scalar:
    """A value that JSON keeps: of text the beginning, of what is no finite number or a huge one its words."""
    if isinstance(value, str):
        return readable(value)[:MAX_VALUE]
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)[:MAX_VALUE]
    return _spell(value) if isinstance(value, float) else value


def _spell(value: float) -> Any:
    return "NaN" if math.isnan(value) else _WORDS.get(value, value)


def _moment(seconds: float | None) -> float | None:
    """A time that a calendar has: a file may tell any."""
    return seconds if seconds is not None and 0 < seconds < YEAR_5000 else None


def make_about(run: ForeignRun, started_by: str = "") -> About:
    tags = dict.fromkeys(tag[:MAX_TAG] for tag in map(str.strip, map(readable, run.tags)) if tag)
    return About(
        name=readable(run.name).strip()[: MAX_TEXT["name"]],
        tags=tuple(tags)[:MAX_TAGS],
        note=readable(run.note)[: MAX_TEXT["note"]],
        created=_moment(run.started) or 0.0,
        started_by=started_by,
    )


def make_end(run: ForeignRun, record: ForeignRecord, epochs: int) -> End | None:
    """None for a run that its tool calls interrupted: without an end it is that here too."""
    if run.state == "interrupted":
        return None
    tool = name_tool(run.format)
    end: End = {
        "state": "finished" if run.state == "unknown" else run.state,
        "reason": UNTOLD.format(tool=f"{tool[0].upper()}{tool[1:]}") if run.state == "unknown" else "",
        "kind": "imported",
        "epoch": epochs,
        "metrics": record["metrics"],
    }
    ended = _moment(run.ended)
    return {**end, "ended": ended} if ended is not None else end
