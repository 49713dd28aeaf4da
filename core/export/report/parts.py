"""What every report is made of: charts, tables and the card of a run. The template reads the dicts by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from core.charts.figure import Drawing
from core.charts.palette import pick_ink
from core.compare.fields import label_field, list_fields, show_field
from core.compare.snapshot import CONFIGURATION, ComparedRun, SpecFacts
from core.compare.units import make_units
from core.data.catalogue import name_data
from core.runs.families import tell_parent
from core.runs.folder import Run
from core.runs.results import describe_origin, list_environment, list_figures, list_foreign_facts, write_run_command
from core.spec import RunSpec
from core.text.formats import UNKNOWN, format_count, format_moment


@dataclass(frozen=True)
class Chart:
    """A figure as Plotly's JSON with the title above it; `file_name` is what its downloads are called."""

    figure: str
    title: str
    file_name: str
    height: int = 320
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of text under a head, which is empty if the rows need none."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]


def make_chart(drawing: Drawing, file_name: str, height: int = 320) -> Chart:
    return Chart(drawing.figure, drawing.title, file_name, height, drawing.notes)


def make_card(run: Run, compared: ComparedRun) -> dict[str, Any]:
    """What any report shows of a run: what it is, what came out, and everything needed to do it again."""
    about, summary = run.about, run.summary()
    figures = [[figure.label, figure.value, figure.measured_on] for figure in list_figures(run, summary)]
    return {
        "id": run.id,
        "name": compared.name,
        "colour": pick_ink(run.id, about.colour).css,
        "state": compared.state,
        "reason": summary.reason,
        "tags": about.tags,
        "note": about.note,
        "facts": _list_facts(run, compared),
        "figures": Table(("Result", "Value", "Measured on"), figures),
        "differing": _list_configuration(compared, only_differing=not compared.tool),
        "configuration": _list_configuration(compared, only_differing=False),
        "command": "" if compared.tool else write_run_command(run),
        "spec": "" if compared.tool else run.spec.model_dump_json(indent=1),
        "tool": compared.tool,
        "environment": Table(("", ""), list_environment(run)),
    }


def _list_facts(run: Run, compared: ComparedRun) -> tuple[str, ...]:
    """Where the run comes from, in the words of its page."""
    if compared.tool:
        return (*list_foreign_facts(run, run.summary()), f"made {format_moment(run.about.created)}")
    return (
        *([f"branch of {tell_parent(summary)}"] if (summary := run.summary()).parent else []),
        describe_origin(compared.spec),
        name_data(compared.spec.data),
        f"{format_count(compared.cost.parameters)} parameters",
        f"seed {compared.seed}",
        f"made {format_moment(run.about.created)}",
    )


def _list_configuration(run: ComparedRun, *, only_differing: bool) -> Table:
    """The fields that have an effect; with `only_differing`, those that are not at their default."""
    default = _default_run()

    def beside(path: str) -> str:
        return show_field(default, path) or UNKNOWN if only_differing else path.removeprefix(CONFIGURATION)

    rows = [
        [label_field(path), show_field(run, path) or UNKNOWN, beside(path)]
        for path in list_fields(make_units([run], fold=False), only_differing=False)
        if not only_differing or run.fields[path] != default.fields.get(path, ...)
    ]
    beside_head = "There" if run.tool else "Default" if only_differing else "In spec.json"
    return Table(("Field", "This run", beside_head), rows)


@cache
def _default_run() -> ComparedRun:
    return ComparedRun("", "defaults", "finished", SpecFacts(RunSpec), [], {}, {})
