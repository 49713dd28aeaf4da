"""Where a run will end, on its page: the fans for its curves, and below them in a sentence how far to trust them."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.compare.lines import Fan
from core.compare.snapshot import ComparedRun
from core.forecast.forecast import ACCURACY, Forecast, forecast_run
from core.system.errors import LabError
from core.text.formats import format_percent
from core.text.words import join_words

WAITS = ("running", "queued", "stopped", "interrupted")  # it may still go on


def read_forecast(run: ComparedRun) -> Forecast | None:
    """None of a run that has come to its end, or has too few epochs to tell."""
    if run.state not in WAITS or run.tool or run.damage:
        return None
    try:
        return forecast_run(run)
    except (LabError, OSError):
        return None


def list_fans(forecast: Forecast) -> tuple[Fan, ...]:
    return tuple(
        Fan(end.column, forecast.done, forecast.passes, end.interval.low, end.interval.middle, end.interval.high)
        for end in forecast.ends
    )


def show_forecast(forecast: Forecast) -> None:
    """In words what the fans show, the chance to beat the best, and how often such intervals held before."""
    st.html(f'<p class="lab-small lab-muted" style="margin:0">{escape(tell_forecast(forecast))}</p>')


def tell_forecast(forecast: Forecast) -> str:
    parts = []
    for end in forecast.ends:
        accuracy = end.column == ACCURACY
        low, high = (format_percent(v, 1) if accuracy else f"{v:.3f}" for v in (end.interval.low, end.interval.high))
        parts.append(f"{'accuracy' if accuracy else 'loss'} between {low} and {high}")
    sentences = [f"Forecast for epoch {forecast.epochs}, 80 %: validation {join_words(parts)}."]
    if forecast.chance is not None and forecast.best is not None:
        sentences.append(
            f"Chance to end above {forecast.best_name}, the best finished run on the same images "
            f"({format_percent(forecast.best, 1)}): {forecast.chance:.0%}."
        )
    past = forecast.ends[0].past
    whose = (
        f"the lab's own {past} finished runs of this kind" if forecast.own else f"{past} trainings recorded elsewhere"
    )
    held = join_words([f"{end.covered:.0%}" for end in forecast.ends])
    sentences.append(f"At this point of {whose}, {held} ended inside such an interval (docs/FORECAST.md).")
    return " ".join(sentences)
