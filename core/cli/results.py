"""How runs ended: the closing table of `train` and what it means for the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from core.cli.output import FAILED, FINISHED, STOPPED, print_facts, print_table, say
from core.runs.folder import Run
from core.runs.records import RunSummary
from core.text.formats import UNKNOWN, format_number, format_percent, format_seconds


def print_results(runs: Sequence[Run], states: Mapping[str, str]) -> None:
    """The closing table, and for each run that did not finish the reason and the way on."""
    known = [run for run in runs if states[run.id] != "deleted"]
    print()
    if len(known) == 1:
        _print_one(known[0])
    elif known:
        _print_many(known)
    for run in runs:
        if sentence := _way_on(run, states[run.id]):
            say(sentence)


def exit_code_of(states: Mapping[str, str]) -> int:
    """0 where every run finished, 1 where one failed, 3 where one was stopped or interrupted."""
    if all(state == "finished" for state in states.values()):
        return FINISHED
    return FAILED if any(state in ("failed", "damaged") for state in states.values()) else STOPPED


def _print_one(run: Run) -> None:
    summary, found = run.summary(), _figures(run)
    best = f"best on validation (epoch {found['best/epoch']:.0f})" if found.get("best/epoch") else "best on validation"
    rows = [
        (
            "validation accuracy",
            format_percent(found.get("last/val_accuracy")),
            format_percent(found.get("best/val_accuracy")),
        ),
        ("validation loss", format_number(found.get("last/val_loss")), format_number(found.get("best/val_loss"))),
        ("test accuracy", format_percent(found.get("test/accuracy")), format_percent(found.get("test/accuracy_best"))),
        ("test loss", format_number(found.get("test/loss")), format_number(found.get("test/loss_best"))),
    ]
    if found.get("test/accuracy_views") is not None:
        views = format_percent(found.get("test/accuracy_views")), format_percent(found.get("test/accuracy_best_views"))
        rows.append(("test accuracy, with views", *views))
    columns = (summary.state, "last weights", best)
    print_table(columns, rows, right=columns[1:])
    print()
    print_facts(
        [
            ("epochs", f"{summary.epoch} of {summary.epochs}"),
            ("parameters", f"{summary.parameters:,}"),
            ("time", format_seconds(summary.seconds)),
            ("device", summary.device),
        ]
    )


def _figures(run: Run) -> dict[str, Any]:
    """The figures of the end; for a run that did not reach it, what its epochs tell."""
    ended = run.results()
    rows = [row for row in run.rows() if row.get("val/accuracy") is not None]
    if not rows:
        return dict(ended)
    # Ties go to the lower loss, as in the choice of the best weights.
    best = max(rows, key=lambda row: (row["val/accuracy"], -(row.get("val/loss") or 0)))
    read = {
        "last/val_accuracy": rows[-1]["val/accuracy"],
        "last/val_loss": rows[-1].get("val/loss"),
        "best/val_accuracy": best["val/accuracy"],
        "best/val_loss": best.get("val/loss"),
        "best/epoch": best.get("epoch"),
    }
    return {**read, **ended}


def _print_many(runs: Sequence[Run]) -> None:
    found = [(run.summary(), _figures(run)) for run in runs]
    keys = ("best/val_accuracy", "last/val_accuracy", "test/accuracy", "test/accuracy_best")
    columns = ("run", "state", "seed", "best val", "last val", "test, last", "test, best", "time")
    rows = [_row(summary, [format_percent(figures.get(key)) for key in keys]) for summary, figures in found]
    if sum(summary.state == "finished" for summary, _ in found) > 1:
        done = [figures for summary, figures in found if summary.state == "finished"]
        means = [_spread([figures[key] for figures in done if figures.get(key) is not None]) for key in keys]
        rows.append((f"mean and spread of {len(done)} seeds", "", "", *means, ""))
    print_table(columns, rows, right=columns[2:])


def _row(summary: RunSummary, figures: list[str]) -> tuple[str, ...]:
    return (summary.id, summary.state, str(summary.seed), *figures, format_seconds(summary.seconds))


def _spread(values: Sequence[float]) -> str:
    """Mean and sample standard deviation, in percent."""
    return f"{100 * mean(values):.2f} ± {100 * stdev(values):.2f} %" if len(values) > 1 else UNKNOWN


def _way_on(run: Run, state: str) -> str:
    if state == "finished":
        return ""
    if state in ("deleted", "damaged", "pruned"):
        return f"{run.id} is {state}."
    if state in ("queued", "running"):
        return f"{run.id} is {state}; follow it again with: python -m core follow {run.id}"
    reason = run.summary().reason
    told = f"{run.id} {'was interrupted' if state == 'interrupted' else state}{': ' + reason if reason else '.'}"
    log = f"Its output: python -m core show {run.id} --log 50\n" if state in ("failed", "interrupted") else ""
    return f"{told}\n{log}Resume it with: python -m core resume {run.id}"
