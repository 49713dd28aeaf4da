"""The table of a comparison: each figure's mean and spread, its difference to the baseline, the best of each column."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from core.compare.figures import Better, Figure, Pick, difference, summary_of
from core.compare.units import Unit
from core.spec.train import SEED
from core.stats.significance import Summary
from core.text.formats import UNKNOWN, format_count
from core.text.safe import plain_cell


@dataclass(frozen=True)
class Cell:
    """One figure of a run or group as text; `tone` says whether the difference is for the better."""

    text: str
    spread: str = ""
    difference: str = ""
    tone: Better = ""
    best: bool = False


def leave_out_empty(units: Sequence[Unit], figures: Sequence[Figure]) -> list[Figure]:
    """The figures that at least one unit has."""
    return [figure for figure in figures if any(summary_of(unit, figure) for unit in units)]


def make_cells(units: Sequence[Unit], figures: Sequence[Figure], pick: Pick) -> dict[Unit, list[Cell]]:
    """The cells of every unit, in the order of the figures; the first unit is the baseline."""
    cells: dict[Unit, list[Cell]] = {unit: [] for unit in units}
    for figure in figures:
        sums = {unit: summary_of(unit, figure, pick) for unit in units}
        best = _best_mean(list(sums.values()), figure)
        for unit in units:
            cells[unit].append(_make_cell(unit, figure, sums, units[0], best))
    return cells


def _make_cell(
    unit: Unit, figure: Figure, sums: dict[Unit, Summary | None], baseline: Unit, best: float | None
) -> Cell:
    own, base = sums[unit], sums[baseline]
    if own is None:
        untested = figure.key.startswith("test/") and all(run.is_untested for run in unit.runs)
        return Cell(UNKNOWN, difference="not looked at" if untested else "")
    text, tone = difference(figure, own.mean, base.mean) if base and unit is not baseline else ("", "")
    missing = f" n {own.n}" if own.n != len(unit.seeds) else ""
    spread = format_spread(figure, own.standard_deviation) if own.standard_deviation else ""
    return Cell(format_figure(figure, own.mean), spread + missing, text, tone, len(sums) > 1 and own.mean == best)


def _best_mean(sums: Sequence[Summary | None], figure: Figure) -> float | None:
    means = [found.mean for found in sums if found]
    if not means or not figure.better or len(set(means)) == 1:
        return None
    return max(means) if figure.better == "high" else min(means)


def tell_unit(unit: Unit) -> str:
    """`3 seeds · finished, running`: how many seeds it has, and their states."""
    if unit.is_ensemble:
        return "mean of their probabilities"
    count = len(unit.seeds)
    seeds = f"seed {unit.first.seed}" if count == 1 else f"{count} seeds"
    if (run := unit.first).tool and (count == 1):
        seeds = f"{run.tool}, {seeds}" if SEED in run.fields else run.tool
    return f"{seeds} · {', '.join(sorted({run.state for run in unit.runs}))}"


def label_figure(figure: Figure, pick: Pick | None = None) -> str:
    """The head of a figure's column."""
    label = figure.label_of(pick) if pick else figure.label
    return label[:1].upper() + label[1:]


def format_figure(figure: Figure, value: float) -> str:
    """A figure as people read it, by its kind."""
    match figure.kind:
        case "share":
            return f"{100 * value:.2f} %"
        case "loss":
            return f"{value:.4f}"
        case "count":
            return format_count(value)
        case "rate":
            return f"{value:,.0f}"
        case "minutes":
            return f"{value:,.1f}" if value >= 0.95 else f"{value:.2g}"
    return f"{value:.4g}"


def format_spread(figure: Figure, deviation: float) -> str:
    """± one standard deviation, in the figure's own unit."""
    return f"± {100 * deviation:.2f}" if figure.kind == "share" else f"± {format_figure(figure, deviation)}"


def write_csv(units: Sequence[Unit], figures: Sequence[Figure], pick: Pick) -> str:
    """One row a run or group: mean, standard deviation and number of seeds of every column, accuracies 0 to 1."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    heads = [f"{figure.key} ({pick})" if figure.by_epoch else figure.key for figure in figures]
    writer.writerow(["name", "runs", *(cell for head in heads for cell in (head, f"{head} sd", f"{head} n"))])
    for unit in units:
        cells: list[object] = []
        for figure in figures:
            found = summary_of(unit, figure, pick)
            cells += [found.mean, found.standard_deviation, found.n] if found else ["", "", 0]
        writer.writerow([plain_cell(unit.name), " ".join(run.id for run in unit.runs), *cells])
    return buffer.getvalue()
