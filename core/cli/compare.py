"""The command `compare`: figures against a baseline, what differs, and which run is really better."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.output import CommandError, print_json, print_table, say
from core.cli.source import AsJson, RunIds
from core.text.formats import UNKNOWN, format_count, format_percent
from core.text.safe import plain

if TYPE_CHECKING:
    from core.compare.figures import Figure, Pick
    from core.compare.units import Unit
    from core.compare.verdicts import Verdict, Weights


class PickName(StrEnum):
    """Which of its epochs a run is shown by."""

    best = "best"
    last = "last"
    min = "min"
    max = "max"


class WeightsName(StrEnum):
    """Which weights the verdict is about."""

    last = "last"
    best = "best"


def compare_runs(
    run_ids: RunIds,
    pick: Annotated[PickName, typer.Option("--pick", help="Which epoch's accuracy and loss to show.")] = PickName.best,
    weights: Annotated[
        WeightsName, typer.Option("--weights", help="Tested weights: the last, or the best on validation.")
    ] = WeightsName.last,
    fold: Annotated[bool, typer.Option("--fold/--no-fold", help="Runs that differ only in their seed as one.")] = True,
    as_json: AsJson = False,
) -> None:
    """Compares runs with the first one: their figures, what differs, and whether one is really better.

    Exit status 0, also where nothing is settled; 2 where fewer than two runs can be compared.
    """
    from core.cli.find import find_runs
    from core.compare.snapshot import look_at
    from core.compare.units import find_mismatches, make_units
    from core.compare.verdicts import judge_all, warn_of_chance

    look = look_at(run.id for run in find_runs(run_ids))
    for problem in look.problems:
        say(problem)
    units = make_units(look.runs, fold=fold)
    if len(look.runs) < 2:
        raise CommandError("Name at least two runs that can be read.")
    verdicts = judge_all(units, weights.value)
    if as_json:
        print_json(_describe(units, verdicts, pick.value, weights.value, look.problems))
        return
    _print_figures(units, pick.value)
    _print_differences(units)
    for sentence in (*find_mismatches(units), *(line for verdict in verdicts for line in _tell(verdict, units[0]))):
        print(plain(sentence, keep="\n"))
    if len(units) == 1:
        print("All of these runs differ only in their seed: there is nothing to hold them against. (--no-fold)")
    if warning := warn_of_chance(sum(verdict.comparison is not None for verdict in verdicts)):
        print(f"\n{warning}")


def _tell(verdict: Verdict, baseline: Unit) -> list[str]:
    head = f"\n{verdict.unit.name} against {baseline.name}"
    return [head, f"  {verdict.sentence}", *(f"  {remark}" for remark in verdict.remarks)]


def _print_figures(units: Sequence[Unit], pick: Pick) -> None:
    from core.compare.figures import FIGURES, SHOWN

    figures = [figure for figure in FIGURES if figure.key in SHOWN]
    columns = ["run", "seeds", *(figure.label_of(pick).lower() for figure in figures)]
    rows = [
        [unit.name, len(unit.seeds), *(_show_cell(unit, units[0], figure, pick) for figure in figures)]
        for unit in units
    ]
    print_table(columns, rows, right=columns[1:])


def _show_cell(unit: Unit, baseline: Unit, figure: Figure, pick: Pick) -> str:
    """Mean, standard deviation, and in brackets the difference to the baseline."""
    from core.compare.figures import difference, summary_of

    own, base = summary_of(unit, figure, pick), summary_of(baseline, figure, pick)
    if own is None:
        return UNKNOWN
    shown = _show_value(figure, own.mean)
    if own.standard_deviation:
        shown += (
            f" ± {100 * own.standard_deviation:.2f}" if figure.kind == "share" else f" ± {own.standard_deviation:.3g}"
        )
    if base is not None and unit is not baseline:
        told, _ = difference(figure, own.mean, base.mean)
        shown += f" ({told})" if told else ""
    return shown


def _show_value(figure: Figure, value: float) -> str:
    if figure.kind == "share":
        return format_percent(value)
    if figure.kind == "count":
        return format_count(value)
    return f"{value:.4f}" if figure.kind == "loss" else f"{value:,.3g}"


def _print_differences(units: Sequence[Unit]) -> None:
    from core.compare.fields import list_fields, show_field

    paths = list_fields(units, only_differing=True)
    if paths:
        print()
        columns = ["what differs", *(unit.name for unit in units)]
        print_table(columns, [[path, *(show_field(unit.first, path) or UNKNOWN for unit in units)] for path in paths])


def _describe(
    units: Sequence[Unit], verdicts: Sequence[Verdict], pick: Pick, weights: Weights, problems: Sequence[str]
) -> dict[str, Any]:
    """All of it for programs: accuracies 0 to 1, the first unit is the baseline."""
    from core.compare.fields import list_fields
    from core.compare.figures import FIGURES, summary_of
    from core.compare.units import find_mismatches

    return {
        "units": [
            {
                "name": unit.name,
                "runs": [run.id for run in unit.runs],
                "states": [run.state for run in unit.runs],
                "seeds": [run.seed for run in unit.seeds],
                "figures": {figure.key: summary_of(unit, figure, pick) for figure in FIGURES},
            }
            for unit in units
        ],
        "pick": pick,
        "weights": weights,
        "differs": {
            path: [unit.first.fields.get(path) for unit in units] for path in list_fields(units, only_differing=True)
        },
        "verdicts": [
            {
                "name": verdict.unit.name,
                "sentence": verdict.sentence,
                "settled": verdict.comparison is not None and verdict.comparison.is_settled,
                "comparison": verdict.comparison,
                "remarks": verdict.remarks,
            }
            for verdict in verdicts
        ],
        "mismatches": find_mismatches(units),
        "problems": problems,
    }
