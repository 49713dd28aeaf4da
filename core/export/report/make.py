"""A run or a comparison as one HTML file that needs nothing else: it opens offline, and its charts can be zoomed.

plotly.js is in it with the kinds of traces that charts here have, 1.3 MB of its 4.8: compressed it would be a third,
but then a browser would have to unpack it and run text as code, which the file's own content security policy rightly
forbids.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from core.charts.assets import COLOURS, FIGURE_SCRIPT
from core.charts.plotly_script import read_script
from core.compare.snapshot import Look, look_at
from core.compare.units import make_units
from core.export.formats import Order
from core.export.report.comparison import report_comparison
from core.export.report.parts import make_card
from core.export.report.run import report_run
from core.runs.records import DamagedRunError
from core.runs.store import open_run
from core.text.safe import JOINERS, plain

_TEMPLATES = Path(__file__).parent
_LIBRARY = "<!--plotly.js-->"  # no text of a user can write this: theirs is escaped


def write_report(order: Order, path: Path) -> str:
    path.write_bytes(make_report(order.ids))
    return ""


def make_report(run_ids: Sequence[str], *, fold: bool = True, moment: datetime | None = None) -> bytes:
    """The report of one run, or the comparison of several with the first as baseline, as UTF-8.

    `fold` groups runs that differ only in their seed. The same runs give the same bytes except for `moment`, by default
    now. What is missing or damaged is replaced by a sentence; raises RunNotFoundError or DamagedRunError if nothing is
    left to report.
    """
    look = look_at(run_ids)
    if not look.runs:
        for run_id in run_ids:
            open_run(run_id)
        raise DamagedRunError(" ".join(look.problems) or "Name at least one run.")
    look = Look(tuple(replace(run, name=plain(run.name, JOINERS)) for run in look.runs), look.problems)
    cards = [make_card(open_run(run.id), run) for run in look.runs]
    several = len(look.runs) > 1
    made = moment or datetime.now().astimezone()
    words = {
        "title": f"Comparison of {len(look.runs)} runs" if several else look.runs[0].name,
        "made": made.strftime("%Y-%m-%d %H:%M"),
        "problems": look.problems,
        "cards": cards,
        "comparison": report_comparison(make_units(look.runs, fold=fold)) if several else None,
        "run": None if several else report_run(open_run(look.runs[0].id), look.runs[0], cards[0]),
    }
    return _assemble(words)


def _assemble(words: dict[str, Any]) -> bytes:
    style = "\n" + COLOURS + (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = "\n" + FIGURE_SCRIPT + (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    html = _load_template().render(
        **words,
        policy=f"script-src {_hash(_read_plotly())} {_hash(script)}",
        style=Markup(style),  # nosec B704 - our own style sheet
        script=Markup(script),  # nosec B704 - our own script
        library=Markup(_LIBRARY),  # nosec B704 - a word of ours, replaced by plotly.js below
    )
    # Once more over all of it: notes, tags, class names and sentences that name runs.
    return plain(html, keep="\n\t" + JOINERS).replace(_LIBRARY, _read_plotly(), 1).encode()


@cache
def _load_template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = _write_data
    return environment.get_template("report.html.jinja")


def _write_data(figure: str) -> Markup:
    """JSON inside a script element: nothing in it may end the element or open a comment."""
    written = re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", figure)
    return Markup(written)  # nosec B704 - escaped in the line above


@cache
def _read_plotly() -> str:
    return f"\n{read_script()}\n"


@cache
def _hash(script: str) -> str:
    """How a content security policy names an inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
