"""The tabs of a run that another tool logged: all its series, and its configuration as it was there."""

from __future__ import annotations

import hashlib
import re

import streamlit as st

from core.charts.palette import pick_ink
from core.compare.series import draw_series
from core.compare.snapshot import read_runs
from core.runs.folder import Run
from core.runs.foreign import name_tool
from core.runs.series import Series
from core.spec.fields import format_value
from core.text.formats import UNKNOWN
from core.text.safe import plain
from core.text.words import count_of
from pages.parts.chart.chart import show_chart, show_metrics
from pages.parts.frame.widgets import turn_pages
from pages.parts.run.tabs import show_notes, show_table, show_view

DRAWN = 12  # small charts at once
MAX_KEYS = 300


def show_charts(run: Run) -> None:
    """Loss and accuracy as those of any run, and every series as it was logged."""
    show_notes(run)
    runs = read_runs([run.id])
    if any(row for each in runs for row in each.rows):
        view = show_view(("step", "epoch", "minutes"))
        show_metrics(("loss", "accuracy"), runs, view, key=f"chart.{run.id}", file_name=run.file_stem, height=320)
    else:
        st.html('<p class="lab-muted">None of its series is known as loss or accuracy; import it again to choose.</p>')
    _show_series(run)


def _show_series(run: Run) -> None:
    found = run.series().series
    if not found:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="foreign_search"):
        st.html(f'<h3 class="lab-heading">{count_of(len(found), "series", "series")}</h3>', width="content")
        wanted = st.text_input(
            "Search series", key="series", bind="query-params", placeholder="Part of a name", icon=":material/search:",
            width=260, max_chars=200,
        )  # fmt: skip
    names = sorted((name for name in found if (wanted or "").casefold() in name.casefold()), key=_in_order)
    if not names:
        st.html('<p class="lab-muted">No series has this in its name.</p>')
        return
    above = st.container()
    page = turn_pages(len(names), DRAWN, "series_page")
    with above, st.container(key="foreign_series"):
        for name in names[page]:
            _show_one(run, name, found[name])


def _in_order(name: str) -> list[tuple[int, str]]:
    """layer2 before layer10."""
    parts = re.split(r"(\d{1,15})", name.casefold())
    return [(int(part) if index % 2 else 0, "" if index % 2 else part) for index, part in enumerate(parts)]


def _show_one(run: Run, name: str, series: Series) -> None:
    drawing = draw_series(plain(name), series, pick_ink(run.id, run.about.colour))
    with st.container(gap=None):
        show_chart(
            drawing.figure,
            key=f"series.{run.id}.{hashlib.sha256(name.encode()).hexdigest()[:16]}",
            title=drawing.title,
            file_name=f"{run.file_stem}-series",
            height=180,
        )
        if drawing.notes:
            st.caption(", ".join(drawing.notes))


def show_config(run: Run) -> None:
    """The configuration as its tool kept it."""
    record = run.foreign()
    if not record:
        return
    known = record["configuration"]
    if not known:
        st.html(f'<p class="lab-muted">{name_tool(record["format"])} kept no configuration of it.</p>')
        return
    wanted = st.text_input(
        "Search keys",
        key="config_search",
        placeholder="Part of a key",
        icon=":material/search:",
        width=260,
        max_chars=200,
    )
    rows = [
        [plain(key), UNKNOWN if value is None else plain(format_value(value, 17))]
        for key, value in known.items()
        if (wanted or "").casefold() in key.casefold()
    ]
    show_table(["Key", "Value"], rows[:MAX_KEYS])
    if len(rows) > MAX_KEYS:
        st.caption(f"And {len(rows) - MAX_KEYS:,} more; search to see them.")
