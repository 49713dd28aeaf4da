"""What training the network on the Build page will take, measured on request: time, memory, largest batch."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.data.store import DataError
from core.launch.estimates import MEASUREMENTS, Estimate, find_estimate, make_forecast, pick_device
from core.launch.measured import tell_goal
from core.spec import RunSpec
from core.text.formats import format_ago, format_bytes, format_percent, format_seconds
from core.text.words import count_of
from pages.parts.build.draft import Draft
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while

BUSY = 0.5  # of the device: what is measured then is of a machine that others use


def show_forecast(draft: Draft) -> None:
    """The forecast for the last spec that can be run, or the button that measures it."""
    renew_while(lambda: MEASUREMENTS.is_under_way(draft.good), lambda: _show(draft))


def _show(draft: Draft) -> None:
    spec = draft.good
    device = pick_device(spec)
    with st.container(key="forecast", gap="xsmall"):
        if MEASUREMENTS.is_under_way(spec):
            seconds = format_seconds(MEASUREMENTS.seconds(spec))
            st.html(
                f'<p class="lab-small lab-muted" role="status">Measuring on {escape(device)}: torch is '
                f"loaded, then 20 steps are trained ({seconds})</p>"
            )
            return
        if problem := MEASUREMENTS.problem(spec):
            show_problem(problem)
        estimate = find_estimate(spec)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if estimate:
                _show_facts(spec, estimate)
            st.button(
                "Measure again" if estimate else "Measure time and memory",
                key="measure",
                icon=":material/timer:",
                type="tertiary" if estimate else "secondary",
                on_click=MEASUREMENTS.start,
                args=(spec,),
                disabled=bool(draft.problems),
                help=f"Trains 20 steps on {device or spec.train.device} with random images, in a process of its own.",
            )


def _show_facts(spec: RunSpec, estimate: Estimate) -> None:
    try:
        forecast = make_forecast(spec, estimate)
    except DataError:
        return
    steps = f"{estimate.steps} steps measured on {estimate.device_name}, {format_ago(estimate.measured)}"
    beside = f", while {count_of(estimate.beside, 'other run')} trained there" if estimate.beside else ""
    facts = [
        (format_seconds(forecast.epoch_seconds), "an epoch", f"{steps}{beside}."),
        (
            format_seconds(forecast.seconds),
            "for 1 epoch" if spec.train.passes == 1 else f"for {spec.train.passes:,g} epochs",
            "Excludes the start, the checkpoints and the test at the end.",
        ),
        (format_bytes(forecast.memory_bytes), "at most", "The process's peak, with all images in memory."),
    ]
    if goal := tell_goal(spec, forecast.seconds):
        facts.insert(0, goal)
    if forecast.largest_batch is not None:
        fits = f"{forecast.largest_batch:,}" if forecast.largest_batch else "less"
        why = "Estimated from the memory of two batch sizes and what is free on the device now."
        facts.append((fits, "largest batch", why))
    cells = [f'<div title="{escape(title)}"><b>{value}</b> {words}</div>' for value, words, title in facts]
    if estimate.busy > BUSY:
        remark = f"measured while {estimate.device} was {format_percent(estimate.busy, 0)} busy with other work"
        cells.append(f'<div style="color:var(--lab-warn)">{escape(remark)}</div>')
    st.html(f'<div class="lab-facts" data-testid="forecast">{"".join(cells)}</div>')
