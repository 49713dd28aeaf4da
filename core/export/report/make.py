"""A run or a comparison as one HTML file that needs nothing else: it opens offline, and its charts can be zoomed.

plotly.js stands in it as it is shipped, about 4.8 MB: compressed it would be 2 MB, but then a browser would have to
unpack it and run text as code, which the file's own content security policy rightly forbids.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.charts.assets import COLOURS, FIGURE_SCRIPT
from core.compare.snapshot import ComparedRun, Look, look_at
from core.compare.units import make_units
from core.data.catalogue import name_data
from core.export.formats import Order
from core.export.report.comparison import report_comparison
from core.export.report.parts import RunCard, make_card
from core.export.report.run import report_run
from core.runs.folder import Run
from core.runs.records import DamagedRunError
from core.runs.results import describe_origin
from core.runs.store import open_run
from core.text.formats import format_count
from core.text.safe import JOINERS, plain

_TEMPLATES = Path(__file__).parent
_LIBRARY = "<!--plotly.js-->"  # no text of a user can write this: theirs is escaped


def write_report(order: Order, path: Path) -> str:
    path.write_bytes(make_report(order.ids))
    return ""


def make_report(run_ids: Sequence[str], *, fold: bool = True, moment: datetime | None = None) -> bytes:
    """The report of one run, or the comparison of several with the first as baseline, as UTF-8.

    `fold` makes one of runs that differ only in their seed. The same runs give the same bytes but for `moment`, by
    default now. What is missing or damaged gets a sentence in its place; where nothing is left to tell of, this raises
    RunNotFoundError or DamagedRunError.
    """
    look = look_at(run_ids)
    if not look.runs:
        for run_id in run_ids:
            open_run(run_id)
        raise DamagedRunError(" ".join(look.problems) or "Name at least one run.")
    look = Look(tuple(replace(run, name=plain(run.name, JOINERS)) for run in look.runs), look.problems)
    cards = [_make_card(run) for run in look.runs]
    several = len(look.runs) > 1
    made = moment or datetime.now().astimezone()
    words = {
        "title": f"Comparison of {len(look.runs)} runs" if several else look.runs[0].name,
        "made": made.strftime("%Y-%m-%d %H:%M"),
        "problems": look.problems,
        "cards": cards,
        "comparison": report_comparison(make_units(look.runs, fold=fold)) if several else None,
        "run": None if several else _report_run(look.runs[0], cards[0]),
    }
    return _assemble(words)


def _make_card(compared: ComparedRun) -> RunCard:
    run = open_run(compared.id)
    summary = run.summary()
    return make_card(run, compared, summary, _list_facts(run, compared))


def _report_run(compared: ComparedRun, card: RunCard) -> Any:
    run = open_run(compared.id)
    return report_run(run, compared, run.summary(), card)


def _list_facts(run: Run, compared: ComparedRun) -> tuple[str, ...]:
    """Where the run comes from, in the words of its page."""
    created = datetime.fromtimestamp(run.about.created).astimezone().strftime("%Y-%m-%d %H:%M")
    return (
        describe_origin(compared.spec),
        name_data(compared.spec.data),
        f"{format_count(compared.cost.parameters)} parameters",
        f"seed {compared.seed}",
        f"made {created}",
    )


# The file -------------------------------------------------------------------------------------------------------------


def _assemble(words: dict[str, Any]) -> bytes:
    script = _read_script()
    policy = f"script-src {_hash(_read_plotly())} {_hash(script)}"
    html = (
        _environment()
        .get_template("report.html.jinja")
        .render(
            **words,
            policy=policy,
            style=Markup(_read_style()),  # nosec B704 - our own style sheet
            script=Markup(script),  # nosec B704 - our own script
            library=Markup(_LIBRARY),  # nosec B704 - a word of ours, replaced by plotly.js below
        )
    )
    # Once more over all of it: notes, tags, class names and sentences that name runs.
    return plain(html, keep="\n\t" + JOINERS).replace(_LIBRARY, _read_plotly(), 1).encode()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = _write_data
    return environment


def _write_data(figure: str) -> Markup:
    """JSON inside a script element: nothing in it may end the element or open a comment."""
    written = re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", figure)
    return Markup(written)  # nosec B704 - escaped in the line above


@lru_cache(maxsize=1)
def _read_plotly() -> str:
    return f"\n{get_plotlyjs()}\n"


@lru_cache(maxsize=1)
def _read_script() -> str:
    return "\n" + FIGURE_SCRIPT + (_TEMPLATES / "report.js").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _read_style() -> str:
    return "\n" + COLOURS + (_TEMPLATES / "report.css").read_text(encoding="utf-8")


@lru_cache(maxsize=4)
def _hash(script: str) -> str:
    """What a content security policy knows an inline script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
