"""The tabs of the comparison: how runs went, what differs, what is really better, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape

import streamlit as st

from core.charts.upright import AXIS_WIDTH, change_ranges
from core.compare.fields import label_field, list_fields, numeric_fields, show_field
from core.compare.figures import BY_KEY, FIGURES, find_figure
from core.compare.parallel import choose_units, draw_parallel, list_stops
from core.compare.scatter import ScatterView, draw_scatter, find_published
from core.compare.units import Unit
from core.text.formats import UNKNOWN
from pages.parts.chart.ranges import choose_ranges, keep_ranges, read_drawn
from pages.parts.compare.choose import keep_ids
from pages.parts.compare.curves import show_curves, show_drawing
from pages.parts.compare.ensemble import show_ensemble
from pages.parts.compare.gallery import draw_dot, show_gallery
from pages.parts.compare.robustness import show_robustness
from pages.parts.compare.table import pick_control, show_table
from pages.parts.compare.verdicts import show_outcome_line, show_verdicts

MAX_AXES = 8


# What differs ---------------------------------------------------------------------------------------------------------


def show_differences(units: Sequence[Unit]) -> None:
    """The specs side by side, the baseline's first; differences from it stand out."""
    everything = st.toggle("All fields", key="all", bind="query-params", help="Also those in which all runs agree.")
    paths = list_fields(units, only_differing=not everything)
    if not paths:
        seeds = " but for their seed" if any(unit.is_group for unit in units) else ""
        alone = len(units) == 1 and not seeds
        words = "One run differs from none." if alone else f"All runs have the same spec{seeds}."
        st.html(f'<p class="lab-muted">{words} Choose runs adds {"another" if alone else "one of another spec"}.</p>')
        return
    heads = "".join(
        f'<th>{draw_dot(unit)}<span title="{escape(unit.name)}">{escape(unit.name)}</span>'
        f"{'<i>baseline</i>' if unit is units[0] else ''}</th>"
        for unit in units
    )
    rows = "".join(_draw_row(path, units) for path in paths)
    st.html(
        f'<div class="compare-specs" tabindex="0" role="region" aria-label="Specs"><table><thead><tr><th></th>{heads}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _draw_row(path: str, units: Sequence[Unit]) -> str:
    shown = [show_field(unit.first, path) for unit in units]
    other = f' class=other title="Baseline: {escape(shown[0]) or UNKNOWN}"'
    cells = "".join(f"<td{other if value != shown[0] else ''}>{escape(value) or UNKNOWN}</td>" for value in shown)
    return f'<tr><th title="{escape(path)}">{escape(label_field(path))}</th>{cells}</tr>'


# Figures against one another ------------------------------------------------------------------------------------------


def show_scatter(units: Sequence[Unit]) -> None:
    """Any two figures, with the Pareto front and, on axes that fit, published results."""
    keys = [figure.key for figure in FIGURES]
    fields = ["train.learning_rate", "train.batch_size", "train.epochs"]
    options = list(dict.fromkeys([*keys, *fields, *numeric_fields(units)]))
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="compare_axes"):
        y = st.selectbox("Y axis", options, 2, format_func=_name_figure, key="sy", bind="query-params", width=220)
        x = st.selectbox("X axis", options, 4, format_func=_name_figure, key="sx", bind="query-params", width=220)
        pick = pick_control()
        log = st.toggle("Log scale", key="slog", bind="query-params", help="Of the x axis.")
        published = st.toggle(
            "Published results",
            True,
            key="published",
            bind="query-params",
            help="Grey: what papers report for this data set, if test accuracy is plotted against parameters.",
        )
    view = ScatterView(x or keys[4], y or keys[2], pick, log, published)
    show_drawing(draw_scatter(units, view), key="compare.scatter", height=520)
    if sources := dict.fromkeys(reference.source for reference in find_published(units, view)):
        st.caption(f"Published: {'; '.join(sources)}. Each as its authors measured it; point at one for how many runs.")


def _name_figure(key: str) -> str:
    label = find_figure(key).label
    return label[:1].upper() + label[1:]


def show_parallel(units: Sequence[Unit]) -> None:
    """One line a run across the fields that differ, to its result."""
    paths = list_fields(units, only_differing=True)
    if not paths:
        words = "There is no field in which these runs differ. Choose runs adds one of another spec."
        st.html(f'<p class="lab-muted">{words}</p>')
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="compare_axes"):
        chosen = st.multiselect(
            "Fields",
            paths,
            paths[:MAX_AXES],
            format_func=label_field,
            key="fields",
            bind="query-params",
            max_selections=12,
            wrap=False,
        )
        result = st.selectbox(
            "Result", list(BY_KEY), format_func=_name_figure, key="result", bind="query-params", width=220
        )
        pick = pick_control()
        shown = [path for path in paths if path in chosen] or paths[:MAX_AXES]
        figure = find_figure(result)
        choose_ranges("compare", partial(list_stops, units, shown, figure, pick))
    ranges = read_drawn()
    drawing = draw_parallel(units, shown, figure, pick, ranges)
    width = AXIS_WIDTH * (1 + len(shown))
    drawn = show_drawing(drawing, key="compare.parallel", height=480, min_width=width, brushes=True)
    if drawn:
        keep_ranges(change_ranges(ranges, drawn))
        st.rerun()
    if any(key in ranges for key in (*shown, figure.key)):
        _show_chosen(units, choose_units(units, shown, figure, pick, ranges))
    else:
        st.caption("Drag along an axis, click a value on it, or choose Ranges, to see only the runs that pass there.")


def _show_chosen(units: Sequence[Unit], chosen: Sequence[Unit]) -> None:
    """The units within the ranges by name, and what can be done with them."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="compare_chosen"):
        count = f"{len(chosen)} of {len(units)}"
        st.html(f'<span class="lab-small"><b>{count}</b> pass through the ranges</span>', width="content")
        if chosen and len(chosen) < len(units):
            keep = f"Keep {'this one' if len(chosen) == 1 else f'these {len(chosen)}'}"
            st.button(keep, icon=":material/filter_alt:", on_click=_keep_chosen, args=(chosen,))
        st.button("Show all", icon=":material/filter_alt_off:", type="tertiary", on_click=keep_ranges, args=({},))
    links = "".join(f"<span>{draw_dot(unit)}{_link(unit)}</span>" for unit in chosen)
    st.html(f'<div class="compare-chosen">{links}</div>')


def _keep_chosen(chosen: Sequence[Unit]) -> None:
    keep_ids(run.id for unit in chosen for run in unit.runs)
    keep_ranges({})


def _link(unit: Unit) -> str:
    """To the run's page; a group is a name."""
    name = escape(unit.name)
    return name if unit.is_group else f'<a href="run?id={unit.first.id}" target="_self">{name}</a>'


# All of them ----------------------------------------------------------------------------------------------------------


def _show_course(units: Sequence[Unit]) -> None:
    """Who is ahead, how they went, and all figures."""
    show_outcome_line(units)
    show_curves([unit for unit in units if not unit.is_ensemble])
    show_table(units)


TABS: dict[str, Callable[[Sequence[Unit]], None]] = {
    "Curves": _show_course,
    "Is it better?": show_verdicts,
    "What differs": show_differences,
    "Scatter": show_scatter,
    "Parallel": show_parallel,
    "Disagreements": show_gallery,
    "Ensemble": show_ensemble,
    "Robustness": show_robustness,
}
# What an ensemble has a place in: figures and answers, but neither curves nor fields.
WITH_ENSEMBLE = frozenset(("Curves", "Is it better?", "Scatter", "Disagreements"))
