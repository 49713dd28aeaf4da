"""A set at a glance: counts by class and part, files, sides and colours, what training scales by, what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.figure import Drawing
from core.data.charts import draw_balance, draw_colours, draw_sides, is_grey
from core.data.survey import NOTED, PARTS, UNUSED, Survey
from core.system.errors import LabError
from core.system.names import readable
from core.text.formats import format_bytes, format_percent
from core.text.safe import plain
from core.text.words import count_of
from pages.parts.chart.chart import show_chart
from pages.parts.data.choose import short_name
from pages.parts.data.load import is_decoded, measure
from pages.parts.data.view import PART_TITLES, View
from pages.parts.frame.style import show_note
from pages.parts.frame.widgets import renew_while

MOST_ROWS = 12
MOST_FAULTS = 200
FEW = 2000  # images, which are decoded without being asked for
CHANNELS = {1: ("Grey",), 3: ("Red", "Green", "Blue")}
_NEARLY = 1.05  # times as many images in the largest class as in the smallest
_MEASURE = "data.measure"


def show_facts(view: View) -> None:
    """The set in one line."""
    survey = view.survey
    facts = [(f"{len(survey):,}", "images"), (f"{len(survey.classes):,}", "classes")]
    facts += [(f"{view.counts[number].sum():,}", PART_TITLES[name].lower()) for number, name in enumerate(PARTS)]
    for code, word in ((UNUSED, "not used, over the limit"), (NOTED, "left out, as noted")):
        facts += [(f"{count:,}", word)] if (count := int((view.parts == code).sum())) else []
    facts += [(format_bytes(int(survey.bytes.sum())), "files")] if survey.bytes.any() else []
    facts += [(f"{len(survey.faults):,}", "damaged")] if survey.faults else []
    cells = "".join(f"<div><b>{value}</b> {what}</div>" for value, what in facts)
    st.html(f'<div class="lab-facts" data-testid="set-facts">{cells}</div>')
    if view.spec.without:
        show_note(f"Without those of the list {view.spec.without}, which the spec names as data.without.")


# Classes ------------------------------------------------------------------------------------------------------------


def show_classes(view: View) -> None:
    """Counts by class and part as a table and as bars, and how balanced the classes are."""
    left, right = st.columns([0.44, 0.56], gap="large")
    names = [plain(name) for name in view.survey.classes]
    totals = view.counts.sum(axis=0)
    with left:
        frame = pd.DataFrame({"Class": names})
        for number, part in enumerate(PARTS):
            frame[PART_TITLES[part]] = view.counts[number]
        frame["All"] = totals
        frame["Share"] = 100 * totals / max(int(totals.sum()), 1)
        height: Literal["content"] | int = "content" if len(names) <= MOST_ROWS else 460
        share = st.column_config.NumberColumn("Share", format="%.1f %%")
        st.dataframe(frame, hide_index=True, height=height, column_config={"Share": share})
        show_note(tell_balance(view))
    with right:
        _show(draw_balance(view.counts, names), view, height=max(220, min(22 * len(names), 620) + 80))


def tell_balance(view: View) -> str:
    """The largest class against the smallest, of the training images."""
    train = view.counts[0]
    most, least = int(train.argmax()), int(train.argmin())
    names = [plain(name) for name in view.survey.classes]
    if train[most] == train[least]:
        return f"Balanced: each class has {train[most]:,} training images."
    if not train[least]:
        return f"The class {names[least]} has no training image."
    if train[most] < _NEARLY * train[least]:
        return f"Nearly balanced: {train[least]:,} to {train[most]:,} training images a class."
    return (
        f"The largest class, {names[most]}, has {train[most] / train[least]:.1f} times as many training images as the "
        f"smallest, {names[least]}. Always answering the largest would be right for "
        f"{format_percent(train[most] / train.sum(), 1)}."
    )


def _show(drawing: Drawing, view: View, height: int) -> None:
    key = drawing.title.lower().replace(" ", "-")
    show_chart(
        drawing.figure,
        key=f"data.{key}",
        title=drawing.title,
        file_name=f"{short_name(view.spec)}-{key}",
        height=height,
    )


# Sizes and colours --------------------------------------------------------------------------------------------------


def show_shapes(view: View) -> None:
    """Sides, kinds of files, colours, and the mean and deviation that training scales by."""
    survey = view.survey
    left, right = st.columns(2, gap="large")
    with left, st.container(gap="xsmall"):
        _show_sides(view)
        for line in tell_files(survey):
            show_note(line)
    with right, st.container(gap="xsmall"):
        _show(draw_colours(survey.colours), view, height=300)
        if is_grey(survey.colours) and view.spec.num_channels == 3:
            show_note("All images are grey. With Colour set to Grey in Build, the network sees them as one channel.")
        if survey.constant:
            show_note(f"{count_of(len(survey.constant), 'image')} nearly constant: hardly any pixel differs.")
        _show_scale(view)


def _show_sides(view: View) -> None:
    sides = view.survey.sides
    found = np.unique(sides, axis=0)
    if len(found) == 1:
        width, height = found[0]
        st.html('<p class="lab-title">Sides</p>')
        show_note(f"All images are {width:,} × {height:,} pixels.")
    else:
        _show(draw_sides(sides), view, height=300)
        low, high = sides.min(axis=0), sides.max(axis=0)
        show_note(f"Widths from {low[0]:,} to {high[0]:,}, heights from {low[1]:,} to {high[1]:,} pixels.")
    size = view.spec.image_size
    if (sides == size).all():
        show_note("Training sees them at that size.")
        return
    smaller = int((sides.min(axis=1) < size).sum())
    are = "is" if smaller == 1 else "are"
    enlarged = f" {count_of(smaller, 'image')} {are} smaller than that, and enlarged." if smaller else ""
    crop = "cropped to a square and " if (sides[:, 0] != sides[:, 1]).any() else ""
    show_note(f"Training sees them {crop}resized to {size} × {size}.{enlarged}")


def tell_files(survey: Survey) -> Iterator[str]:
    """Kinds of files with their number and size."""
    if not survey.file_names:
        return
    kinds = np.bincount(survey.kinds, minlength=len(survey.formats))
    sizes = np.bincount(survey.kinds, weights=survey.bytes, minlength=len(survey.formats))
    order = [kind for kind in np.argsort(-kinds, kind="stable") if kinds[kind]]
    named = (f"{survey.formats[kind]} {kinds[kind]:,} ({format_bytes(float(sizes[kind]))})" for kind in order)
    yield f"Files: {', '.join(named)}."
    low, middle, high = np.quantile(survey.bytes, (0, 0.5, 1))
    yield f"A file has {format_bytes(low)} to {format_bytes(high)}, half of them at most {format_bytes(middle)}."


def _show_scale(view: View) -> None:
    """Measured by the engine itself, so that it is what training uses to the last digit."""
    spec, key = view.spec, view.survey.key
    asked = f"{_MEASURE}.{key}.{spec.image_size}"
    if not (st.session_state.get(asked) or len(view.survey) <= FEW or is_decoded(spec.model_dump_json(), key, spec)):
        st.button(
            "Measure mean and deviation",
            icon=":material/straighten:",
            key=asked,
            help=f"Decodes all images at {spec.image_size} × {spec.image_size} once, which the first start needs too.",
        )
        return
    future = measure(spec.model_dump_json(), key, spec)

    def show() -> None:
        if not future.done():
            show_note("Measuring the training images")
        elif error := future.exception():
            show_note(str(error) if isinstance(error, LabError) else "The images could not be measured.")
        else:
            _, mean, std = future.result()
            rows = "".join(
                f"<tr><td>{name}</td><td>{m:.4f}</td><td>{s:.4f}</td></tr>"
                for name, m, s in zip(CHANNELS[spec.num_channels], mean, std, strict=True)
            )
            st.html(
                '<table class="lab-table"><thead><tr><th>Training scales by</th><th>Mean</th><th>Deviation</th></tr>'
                f"</thead><tbody>{rows}</tbody></table>"
            )

    renew_while(lambda: not future.done(), show)


# Left out -----------------------------------------------------------------------------------------------------------


def show_left_out(view: View) -> None:
    """Files that are not used, by reason, and images that cannot be decoded."""
    survey = view.survey
    if not (survey.left_out or survey.faults):
        show_note("Nothing was left out.")
        return
    if survey.faults:
        damaged = (
            "A training without Damaged images set to Leave out refuses to start."
            if view.spec.damaged == "refuse"
            else "They are left out of training."
        )
        show_note(f"{count_of(len(survey.faults), 'image')} cannot be decoded. {damaged}")
        rows = [(fault.path, fault.reason) for fault in survey.faults[:MOST_FAULTS]]
        _table(("Damaged image", "Why"), [tuple(plain(readable(cell)) for cell in row) for row in rows])
        if len(survey.faults) > MOST_FAULTS:
            show_note(f"and {len(survey.faults) - MOST_FAULTS:,} more")
    if survey.left_out:
        found = [(plain(reason), f"{number:,}", plain(example)) for reason, number, example in survey.left_out]
        _table(("Left out", "Count", "Such as"), found)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(f'<td class=lab-wrap>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    st.html(f'<table class="lab-table"><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>')
