"""The command `compare`: figures against a baseline, what differs, and which run is really better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from core.cli.find import find_runs
from core.cli.output import CommandError, print_json, print_table, say
from core.cli.source import AsJson, RunIds
from core.runs.records import WeightsName
from core.text.formats import UNKNOWN, format_percent
from core.text.safe import plain

if TYPE_CHECKING:
    from core.compare.ensembles import Ensemble
    from core.compare.figures import Pick
    from core.compare.table import Cell
    from core.compare.units import Unit
    from core.compare.verdicts import Incomparable, Verdict


PickName = Literal["best", "last", "min", "max"]


def compare_runs(
    run_ids: RunIds,
    pick: Annotated[PickName, typer.Option("--pick", help="Which epoch's accuracy and loss to show.")] = "best",
    weights: Annotated[
        WeightsName, typer.Option("--weights", help="Tested weights: the last, or the best on validation.")
    ] = "last",
    fold: Annotated[bool, typer.Option("--fold/--no-fold", help="Runs that differ only in their seed as one.")] = True,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="One row more: the mean of all runs' probabilities.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compares runs with the first one: their figures, what differs, and whether one is really better.

    Exit status 0, even if nothing is settled; 2 if fewer than two runs can be compared.
    """
    from core.compare.branches import list_forks
    from core.compare.ensembles import add_ensemble, find_ensemble
    from core.compare.snapshot import look_at
    from core.compare.units import find_mismatches, make_units
    from core.compare.verdicts import judge_all, sort_verdicts, warn_of_chance

    look = look_at(run.id for run in find_runs(run_ids))
    for problem in look.problems:
        say(problem)
    if len(look.runs) < 2:
        raise CommandError("Name at least two runs that can be read.")
    runs, together = list(look.runs), None
    if ensemble:
        together = find_ensemble(look.runs, weights)
        runs, _ = add_ensemble(look.runs)
    units = make_units(runs, fold=fold)
    verdicts = judge_all(units, weights)
    if as_json:
        print_json(_describe(units, verdicts, pick, weights, look.problems) | {"ensemble": _tell_ensemble(together)})
        return
    judged, others = sort_verdicts(verdicts)
    _print_figures(units, pick)
    _print_differences([unit for unit in units if not unit.is_ensemble])
    for sentence in (
        *list_forks(units),
        *find_mismatches(units),
        *(line for verdict in judged for line in _explain(verdict, units[0])),
        *(line for each in others for line in _tell_reason(each)),
    ):
        print(plain(sentence, keep="\n"))
    if together:
        _print_ensemble(together)
    if len(units) == 1:
        print("All of these runs differ only in their seed: there is nothing to compare them with. (--no-fold)")
    if warning := warn_of_chance(len(judged)):
        print(f"\n{warning}")


def _print_ensemble(found: Ensemble) -> None:
    """Its figures beside its members', the verdict against each, and the budget."""
    rows = [
        (
            row.name,
            format_percent(row.accuracy.value),
            f"{100 * row.accuracy.interval.low:.2f} to {100 * row.accuracy.interval.high:.2f}",
            format_percent(row.calibration_error),
            f"{row.loss:.4f}",
            f"{row.parameters:,}",
        )
        for row in found.rows()
    ]
    columns = ("ensemble and members", "test accuracy", "95 % interval", "calibration error", "loss", "parameters")
    print()
    print_table(columns, rows, right=columns[1:], whole=columns[:1])
    for run, _, sentence in found.verdicts():
        print(f"\nThe ensemble against {plain(run.name)}\n  {plain(sentence)}")
    print(f"\n{found.tell_budget()}")
    for remark in found.remarks:
        say(remark)


def _tell_ensemble(found: Ensemble | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "members": [run.id for run in found.members],
        "rows": [asdict(row) for row in found.rows()],
        "verdicts": [
            {"member": run.id, "sentence": sentence, "comparison": comparison}
            for run, comparison, sentence in found.verdicts()
        ],
        "parameters": found.parameters,
        "remarks": found.remarks,
    }


def _explain(verdict: Verdict, baseline: Unit) -> list[str]:
    head = f"\n{plain(verdict.unit.name)} against {plain(baseline.name)}"
    return [head, f"  {verdict.sentence}", *(f"  {remark}" for remark in verdict.remarks)]


def _tell_reason(apart: Incomparable) -> list[str]:
    """All that cannot be compared for one reason."""
    names = ", ".join(plain(verdict.unit.name) for verdict in apart.verdicts)
    remarks = dict.fromkeys(remark for verdict in apart.verdicts for remark in verdict.remarks)
    return [f"\nCannot be compared: {names}", f"  {apart.reason}", *(f"  {remark}" for remark in remarks)]


def _print_figures(units: Sequence[Unit], pick: Pick) -> None:
    from core.compare.figures import FIGURES, SHOWN
    from core.compare.table import leave_out_empty, make_cells

    figures = leave_out_empty(units, [figure for figure in FIGURES if figure.key in SHOWN])
    cells = make_cells(units, figures, pick)
    columns = ["run", "seeds", *(figure.label_of(pick).lower() for figure in figures)]
    rows = [[unit.name, len(unit.seeds), *map(_show_cell, cells[unit])] for unit in units]
    print_table(columns, rows, right=columns[1:], whole=("run",))


def _show_cell(cell: Cell) -> str:
    """Mean, standard deviation, and in brackets the difference to the baseline."""
    parts = (cell.text, cell.spread.strip(), f"({cell.difference})" if cell.difference else "")
    return " ".join(part for part in parts if part)


def _print_differences(units: Sequence[Unit]) -> None:
    from core.compare.fields import list_fields, show_field

    paths = list_fields(units, only_differing=True)
    if paths:
        print()
        columns = ["what differs", *(unit.name for unit in units)]
        rows = [[path, *(show_field(unit.first, path) or UNKNOWN for unit in units)] for path in paths]
        print_table(columns, rows, whole=("what differs",))


def _describe(
    units: Sequence[Unit], verdicts: Sequence[Verdict], pick: Pick, weights: WeightsName, problems: Sequence[str]
) -> dict[str, Any]:
    """Everything for programs: accuracies from 0 to 1; the first unit is the baseline."""
    from core.compare.fields import list_fields
    from core.compare.figures import FIGURES, summary_of
    from core.compare.units import find_mismatches
    from core.spec.train import SEED

    plain = [unit for unit in units if not unit.is_ensemble]
    return {
        "units": [
            {
                "name": unit.name,
                "runs": [run.id for run in unit.runs],
                "states": [run.state for run in unit.runs],
                # Another tool may not tell it.
                "seeds": [run.seed if not run.tool or SEED in run.fields else None for run in unit.seeds],
                "branch": unit.first.branch,
                "figures": {figure.key: summary_of(unit, figure, pick) for figure in FIGURES},
            }
            for unit in units
        ],
        "pick": pick,
        "weights": weights,
        "differs": {
            path: [unit.first.fields.get(path) for unit in units] for path in list_fields(plain, only_differing=True)
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
