"""The curves of a training: data frames in, Plotly figures out. Training is dashed, validation solid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.charts.figure import as_text, trace_id
from core.charts.lines import smooth, thin
from core.charts.palette import pick_symbols, run_colour
from core.runs.metrics import best_epoch

Metric = Literal["loss", "accuracy", "learning_rate", "images_per_second", "use", "memory"]


Axis = Literal["epoch", "minutes"]


_MARKED_POINTS = 25


_SYMBOLS_SHOWN = 12


_LINES = {
    "loss": (("train/loss", "training"), ("val/loss", "validation")),
    "accuracy": (("train/accuracy", "training"), ("val/accuracy", "validation")),
    "learning_rate": (("learning_rate", "learning rate"),),
    "images_per_second": (("images_per_second", "images/s"),),
    "use": (("system/cpu_percent", "CPU, of one core"), ("system/gpu_percent", "GPU")),
    "memory": (("system/memory_bytes", "process"), ("system/gpu_memory_bytes", "GPU")),
}


_TITLES = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "learning_rate": "Learning rate",
    "images_per_second": "Images per second",
    "use": "Device use",
    "memory": "Memory",
}


_FORMATS = {
    "loss": ".4f",
    "accuracy": ".2%",
    "learning_rate": ".3g",
    "images_per_second": ",.0f",
    "use": ".0f",
    "memory": ".3s",
}


_UNITS = {"use": " %", "memory": "B"}


_DASHES = {"training": "dash", "GPU": "dot"}


_LOG_METRICS = ("loss", "learning_rate")


@dataclass(frozen=True)
class View:
    """How curves are looked at: smoothing 0 to 1, logarithmic loss and learning rate, what stands on x."""

    smoothing: float = 0.0
    log: bool = False
    x: Axis = "epoch"


@dataclass(frozen=True)
class RunCurves:
    """One run to draw: `metrics` has one row an epoch, with the columns of `metrics.jsonl`."""

    run_id: str
    name: str
    metrics: pd.DataFrame


def draw_metric(metric: Metric, runs: Sequence[RunCurves], view: View = View()) -> go.Figure:
    """One chart of one metric: of a single run both splits in the legend, of several one entry a run."""
    symbols = pick_symbols([run.run_id for run in runs])
    traces = [
        trace
        for run in runs
        for column, split in _LINES[metric]
        if column in run.metrics
        for trace in _draw_line(metric, run, column, split, view, symbols.get(run.run_id, ""), len(runs) > 1)
    ]
    for run in runs:
        traces += _mark_best(metric, run, view, run.run_id if len(runs) > 1 else f"val/{metric}")
    return go.Figure(data=traces, layout=_layout(metric, view, runs))


def _draw_line(
    metric: Metric, run: RunCurves, column: str, split: str, view: View, symbol: str, several: bool
) -> list[dict[str, object]]:
    """The line of one split, and faint behind it the raw values where it is smoothed."""
    x, raw = _x_of(run.metrics, view), run.metrics[column].astype("float32")
    smoothed = view.smoothing > 0 and metric in ("loss", "accuracy")
    name = as_text(run.name) if several else split
    label = f"{name} · {split}" if several and len(_LINES[metric]) > 1 else name
    places = thin(raw.to_numpy())
    line = {"color": run_colour(run.run_id), "width": 2, "dash": _DASHES.get(split, "solid")}
    shared = {
        "type": "scatter",
        "legendgroup": run.run_id if several else column,
        "x": x.to_numpy()[places],
        "name": name,
    }
    shown: dict[str, object] = {
        **shared,
        "uid": trace_id(run.run_id, column),
        "y": (smooth(raw, view.smoothing) if smoothed else raw).to_numpy(dtype="float32")[places],
        "mode": "lines+markers" if _needs_markers(raw, split, symbol) else "lines",
        "line": line,
        "marker": {"size": 8, "symbol": symbol, "maxdisplayed": _SYMBOLS_SHOWN} if symbol else {"size": 4},
        # Plain text for the CSV that a chart writes.
        "meta": {"run": run.name, "series": column},
        "showlegend": not several or split != "training",
        "hovertemplate": f"{label}: %{{y:{_FORMATS[metric]}}}{_UNITS.get(metric, '')}<extra></extra>",
    }
    if not smoothed:
        return [shown]
    faint: dict[str, object] = {
        **shared,
        "uid": trace_id(run.run_id, column, "raw"),
        "y": raw.to_numpy()[places],
        "mode": "lines",
        "line": {**line, "width": 1},
        "opacity": 0.3,
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [faint, shown]


def _needs_markers(values: pd.Series, split: str, symbol: str) -> bool:
    """Points show where few epochs were measured, and where a single one would make no line; dashes stay clean."""
    return len(values) == 1 or (split != "training" and (bool(symbol) or len(values) <= _MARKED_POINTS))


def _x_of(metrics: pd.DataFrame, view: View) -> pd.Series:
    if view.x == "epoch":
        return metrics["epoch"].astype("int32")
    return (metrics["seconds"] / 60).astype("float32")


def _mark_best(metric: Metric, run: RunCurves, view: View, group: str) -> list[dict[str, object]]:
    """A ring around the best epoch, chosen on validation accuracy, in the chart of loss and of accuracy."""
    epoch = best_epoch(run.metrics) if metric in ("loss", "accuracy") else None
    if epoch is None:
        return []
    place = run.metrics["epoch"].eq(epoch).to_numpy().argmax()
    values = smooth(run.metrics[f"val/{metric}"].astype("float32"), view.smoothing)
    return [
        {
            "type": "scatter",
            "uid": trace_id(run.run_id, "best"),
            "x": [_x_of(run.metrics, view).iloc[place].item()],
            "y": [None if pd.isna(values.iloc[place]) else float(values.iloc[place])],
            "mode": "markers",
            "name": f"best epoch {epoch}",
            "legendgroup": group,
            "showlegend": False,
            "marker": {
                "size": 11,
                "symbol": "circle-open",
                "color": run_colour(run.run_id),
                "line": {"width": 2},
            },
            "hovertemplate": f"best epoch: {epoch}<extra></extra>",
        }
    ]


def _layout(metric: Metric, view: View, runs: Sequence[RunCurves]) -> dict[str, object]:
    log = view.log and metric in _LOG_METRICS
    y_axis: dict[str, object] = {
        "type": "log" if log else "linear",
        "uirevision": str(log),
        "exponentformat": "power" if log else "e",
        "automargin": True,
        "nticks": 6,
        "hoverformat": _FORMATS[metric],
    }
    if metric in _UNITS:
        y_axis |= {"ticksuffix": _UNITS[metric], "tickformat": "~s" if metric == "memory" else "d"}
    if metric == "accuracy":
        y_axis["tickformat"] = ".0%" if _spread(runs) > 0.05 else ".1%"
    if metric not in ("loss", "accuracy") and not log:
        y_axis["rangemode"] = "tozero"
    last = max((int(run.metrics["epoch"].max()) for run in runs if len(run.metrics)), default=0)
    x_axis: dict[str, object] = {
        "title": {"text": view.x, "standoff": 6, "font": {"size": 12}},
        "uirevision": view.x,
        "hoverformat": ".3~f",
        "unifiedhovertitle": {"text": f"{view.x} %{{x}}"},
    }
    if view.x == "epoch":
        # Without it, a run of two epochs gets ticks at 1.2, 1.4, ...
        x_axis |= {"tickformat": "d", **({"dtick": 1} if last <= 10 else {"nticks": 10})}
    unified = "x unified" if len(runs) == 1 else "closest"
    return {
        "template": None,
        "title": {"text": _TITLES[metric], "x": 0, "xref": "container", "font": {"size": 14}},
        "hovermode": unified,
        "hoverdistance": 40,
        "dragmode": "zoom",
        "uirevision": metric,
        "showlegend": len(runs) > 1 or len(_LINES[metric]) > 1,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 48, "r": 12, "t": 42, "b": 40},
        "xaxis": x_axis,
        "yaxis": y_axis,
    }


def _spread(runs: Sequence[RunCurves]) -> float:
    """How far apart the accuracies lie: close ones want a decimal at the axis."""
    values = [run.metrics[column].to_numpy() for run in runs for column, _ in _LINES["accuracy"] if len(run.metrics)]
    joined = np.concatenate(values) if values else np.zeros(1)
    return 0.0 if np.isnan(joined).all() else float(np.nanmax(joined) - np.nanmin(joined))
