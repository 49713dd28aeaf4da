"""What a report is made of, whatever it is about: charts, tables, and names that are shown as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.charts.figure import Drawing
from core.charts.palette import run_colour
from core.compare.fields import list_fields, show_field
from core.compare.snapshot import ComparedRun, SpecFacts
from core.compare.units import Unit
from core.runs.folder import Run
from core.runs.records import RunSummary
from core.runs.results import list_environment, list_figures, write_command
from core.spec import RunSpec
from core.spec.fields import label_path
from core.text.formats import UNKNOWN


@dataclass(frozen=True)
class Chart:
    """A figure as Plotly's JSON; `title` stands above it, `file_name` is what its downloads are called."""

    figure: str
    title: str
    file_name: str
    height: int = 320
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of text under a head, which is empty where the rows say themselves what they are."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class RunCard:
    """What any report tells of a run: what it is, what came out, and everything needed to do it again."""

    id: str
    name: str
    colour: str
    state: str
    reason: str
    tags: tuple[str, ...]
    note: str
    facts: tuple[str, ...]
    figures: Table
    differing: Table
    configuration: Table
    command: str
    spec: str
    environment: Table


def make_chart(drawing: Drawing, file_name: str, height: int = 320) -> Chart:
    return Chart(drawing.figure, drawing.title, file_name, height, drawing.notes)


def make_card(run: Run, compared: ComparedRun, summary: RunSummary, facts: tuple[str, ...]) -> RunCard:
    """Reads the run as it stands."""
    about = run.about
    figures = [[figure.label, figure.value, figure.measured_on] for figure in list_figures(run, summary)]
    return RunCard(
        id=run.id,
        name=compared.name,
        colour=run_colour(run.id),
        state=compared.state,
        reason=summary.reason,
        tags=about.tags,
        note=about.note,
        facts=facts,
        figures=Table(("Result", "Value", "Measured on"), figures),
        differing=_list_configuration(compared, only_differing=True),
        configuration=_list_configuration(compared, only_differing=False),
        command=write_command(run.spec),
        spec=run.spec.model_dump_json(indent=1),
        environment=Table(("", ""), list_environment(run)),
    )


def _list_configuration(run: ComparedRun, *, only_differing: bool) -> Table:
    """The fields that have an effect; of those that differ also what they are by default."""
    default = _default_run()
    rows = []
    for path in list_fields([Unit((run,), run.name)], only_differing=False):
        if not only_differing:
            rows.append([label_path(path), show_field(run, path) or UNKNOWN, path])
        elif run.fields[path] != default.fields.get(path, ...):
            rows.append([label_path(path), show_field(run, path) or UNKNOWN, show_field(default, path) or UNKNOWN])
    return Table(("Field", "This run", "Default" if only_differing else "In spec.json"), rows)


@lru_cache(maxsize=1)
def _default_run() -> ComparedRun:
    return ComparedRun("", "defaults", "finished", SpecFacts(RunSpec), [], {}, {})
