"""Where a run will end, on its page: the fans for its curves, and below them in a sentence how far to trust them."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.compare.lines import Fan
from core.compare.snapshot import ComparedRun
from core.forecast.forecast import Forecast, forecast_run
from core.forecast.words import tell_forecast
from core.system.errors import LabError

WAITS = ("running", "queued", "stopped", "interrupted")  # it may still go on


def read_forecast(run: ComparedRun) -> Forecast | None:
    """None of a run that has come to its end, or has too few epochs to tell."""
    if run.state not in WAITS or run.tool or run.damage:
        return None
    try:
        return forecast_run(run)
    except (LabError, OSError):
        return None


def list_fans(forecast: Forecast, run_id: str) -> tuple[Fan, ...]:
    return tuple(
        Fan(
            end.column, forecast.done, forecast.passes, end.interval.low, end.interval.middle, end.interval.high, run_id
        )
        for end in forecast.ends
    )


def show_forecast(forecast: Forecast) -> None:
    """In words what the fans show, the chance to beat the best, and how often such intervals held before."""
    st.html(f'<p class="lab-small lab-muted" style="margin:0">{escape(tell_forecast(forecast))}</p>')
