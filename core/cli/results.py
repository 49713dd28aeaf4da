"""How runs ended: the closing table of `train`, and the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from core.cli.output import FAILED, FINISHED, STOPPED, print_facts, print_table, say
from core.runs.folder import Run
from core.spec.fields import differing
from core.spec.train import FREE_FIELDS
from core.text.formats import UNKNOWN, format_number, format_percent, format_seconds

_ROWS = (
    ("validation accuracy", "last/val_accuracy", "best/val_accuracy", format_percent),
    ("validation loss", "last/val_loss", "best/val_loss", format_number),
    ("test accuracy", "test/accuracy", "test/accuracy_best", format_percent),
    ("test loss", "test/loss", "test/loss_best", format_number),
    ("test accuracy, with views", "test/accuracy_views", "test/accuracy_best_views", format_percent),
)


def print_results(runs: Sequence[Run], states: Mapping[str, str]) -> None:
    """The closing table, and for each run that did not finish the reason and how to continue."""
    known = [run for run in runs if states[run.id] != "deleted"]
    print()
    if len(known) == 1:
        _print_one(known[0])
    elif known:
        _print_many(known)
    for run in runs:
        if sentence := _explain(run, states[run.id]):
            say(sentence)


def exit_code_of(states: Mapping[str, str]) -> int:
    """0 if every run finished, 1 if one failed, 3 if one was stopped or interrupted."""
    if all(state == "finished" for state in states.values()):
        return FINISHED
    return FAILED if any(state in ("failed", "damaged") for state in states.values()) else STOPPED


def _print_one(run: Run) -> None:
    summary, found = run.summary(), _figures(run)
    rows = [
        (label, show(found.get(last)), show(found.get(best)))
        for label, last, best, show in _ROWS
        if found.get(last) is not None or "views" not in last
    ]
    epoch = f" (epoch {found['best/epoch']:.0f})" if found.get("best/epoch") else ""
    columns: tuple[str, ...] = (summary.state, "last weights", f"best on validation{epoch}")
    if not run.has_validation:
        rows = [row for row in rows if not row[0].startswith("validation")]
        columns = columns[:2]
    print_table(columns, [row[: len(columns)] for row in rows], right=columns[1:])
    if not run.has_validation:
        print("\nNo images were held out to validate on, so no epoch was chosen.")
    print()
    print_facts(
        [
            ("epochs", f"{summary.epoch} of {summary.epochs}"),
            ("parameters", f"{summary.parameters:,}"),
            ("time", format_seconds(summary.seconds)),
            *_tell_goal(run),
            ("device", summary.device),
        ]
    )


def _tell_goal(run: Run) -> list[tuple[str, str]]:
    """How long the training took to the accuracy that its spec names, if it names one."""
    goal = run.spec.train.goal_accuracy
    if not goal:
        return []
    rows = [row for row in run.rows() if (row.get("val/accuracy") or 0.0) >= goal]
    reached = f"{format_seconds(rows[0]['seconds'])}, epoch {rows[0]['epoch']}" if rows else "not reached"
    return [(f"time to {format_percent(goal)} on validation", reached)]


def _figures(run: Run) -> dict[str, Any]:
    """The figures of the end; for a run that did not reach it, those of its epochs."""
    rows = [row for row in run.rows() if row.get("val/accuracy") is not None]
    if not rows:
        return dict(run.results())
    # Ties go to the lower loss, as in the choice of the best weights.
    best = max(
        rows, key=lambda row: (row["val/accuracy"], row.get("val/loss") is not None, -(row.get("val/loss") or 0))
    )
    return {
        "last/val_accuracy": rows[-1]["val/accuracy"],
        "last/val_loss": rows[-1].get("val/loss"),
        "best/val_accuracy": best["val/accuracy"],
        "best/val_loss": best.get("val/loss"),
        "best/epoch": best.get("epoch"),
        **run.results(),
    }


def _print_many(runs: Sequence[Run]) -> None:
    found = [(run.summary(), _figures(run)) for run in runs]
    keys = ("best/val_accuracy", "last/val_accuracy", "test/accuracy", "test/accuracy_best")
    columns = ("run", "state", "seed", "best val", "last val", "test, last", "test, best", "time")
    rows: list[tuple[object, ...]] = [
        (
            summary.id,
            summary.state,
            summary.seed,
            *[format_percent(figures.get(key)) for key in keys],
            format_seconds(summary.seconds),
        )
        for summary, figures in found
    ]
    if _differ_in_seed([run for run, (summary, _) in zip(runs, found, strict=True) if summary.state == "finished"]):
        done = [figures for summary, figures in found if summary.state == "finished"]
        means = [_spread([figures[key] for figures in done if figures.get(key) is not None]) for key in keys]
        rows.append((f"mean and spread of {len(done)} seeds", "", "", *means, ""))
    print_table(columns, rows, right=columns[2:], whole=("run",), spare=("time", "last val", "seed", "test, best"))


def _differ_in_seed(runs: Sequence[Run]) -> bool:
    """Whether these are several runs of one spec, each of a seed of its own: others have no mean."""
    if len(runs) < 2 or any(run.summary().tool for run in runs):
        return False
    specs = [run.spec for run in runs]
    return not differing(specs, ignore=FREE_FIELDS) and len({spec.train.seed for spec in specs}) == len(specs)


def _spread(values: Sequence[float]) -> str:
    """Mean and sample standard deviation, in percent."""
    return f"{100 * mean(values):.2f} ± {100 * stdev(values):.2f} %" if len(values) > 1 else UNKNOWN


def _explain(run: Run, state: str) -> str:
    if state == "finished":
        return ""
    if state in ("deleted", "damaged", "pruned"):
        return f"{run.id} is {state}."
    if state in ("queued", "running"):
        return f"{run.id} is {state}; follow it again with: python -m core follow {run.id}"
    reason = run.summary().reason
    ending = f"{run.id} {'was interrupted' if state == 'interrupted' else state}{': ' + reason if reason else '.'}"
    log = f"Its output: python -m core show {run.id} --log 50\n" if state in ("failed", "interrupted") else ""
    return f"{ending}\n{log}Resume it with: python -m core resume {run.id}"
