"""The command `import`: runs of other labs and of other tools come in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.output import CommandError, print_json, say
from core.cli.source import AsJson
from core.runs.foreign import FIGURES
from core.system.errors import LabError
from core.text.words import join_words

if TYPE_CHECKING:
    from core.imports.values import Found

_TOOLS = "TensorBoard, Weights & Biases, MLflow, Trackio, DVCLive, SwanLab, ClearML, or CSV"


def import_files(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help=f"Archives that `export --format zip` wrote; files and folders of {_TOOLS}."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tells what would be imported.")] = False,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="NAME=FIGURE",
            help=f"Which series is {join_words(FIGURES, 'or')}; kept for the next import. Repeatable.",
            show_default=False,
        ),
    ] = None,
    step: Annotated[str, typer.Option(metavar="COLUMN", help="Of a table: the step.", show_default=False)] = "",
    run: Annotated[str, typer.Option(metavar="COLUMN", help="Of a table: the run.", show_default=False)] = "",
    time: Annotated[str, typer.Option(metavar="COLUMN", help="Of a table: the time.", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """Imports runs of another lab, of an earlier time, or of another tool; prints their ids.

    A run that is here already stays as it is; one of another tool that has grown is brought up to date. A run whose id
    is taken by another gets a new one. Exit status 2 if a file is refused; those before it are imported.
    """
    from core.export.bring_in import bring_in_path
    from core.imports.table import TableColumns

    chosen = _read_maps(maps or [])
    columns = TableColumns(step=step, run=run, time=time) if step or run or time else None
    told: list[dict[str, Any]] = []
    problem = ""
    for path in paths:
        try:
            brought = bring_in_path(path, columns=columns, dry=dry_run)
            told += [{**vars(own), "sentence": own.forecast if dry_run else own.sentence} for own in brought.own]
            told += _import_found(brought.found, chosen, dry_run=dry_run)
        except LabError as error:
            problem = f"{path}: {error}"
            break
    if as_json:
        print_json([{key: value for key, value in each.items() if key != "sentence"} for each in told])
    else:
        for each in told:
            if not dry_run:
                print(each["id"])
            say(each["sentence"])
    if problem:
        raise CommandError(problem)


def _read_maps(texts: Iterable[str]) -> dict[str, list[str]]:
    """By figure the series that were named for it. Raises CommandError."""
    chosen: dict[str, list[str]] = {}
    for text in texts:
        name, _, figure = text.rpartition("=")
        if not name or figure not in FIGURES:
            raise CommandError(f"--map {text}: must be NAME=FIGURE, with one of {join_words(FIGURES)}.")
        chosen.setdefault(figure, []).append(name)
    return chosen


def _import_found(found: Found, chosen: dict[str, list[str]], *, dry_run: bool) -> list[dict[str, Any]]:
    """What became of each run of other tools, or with `dry_run` would."""
    from core.imports.figures import choose, guess_choice, keep_rules, read_rules
    from core.imports.keep import describe_planned, keep_runs, list_left_out, plan_import

    guessed = guess_choice(found.runs, read_rules())
    known = {name for run in found.runs for name in (*run.series, *run.results)}
    for name in (each for names in chosen.values() for each in names):
        if found.runs and name not in known:
            raise CommandError(f"--map: no run has a series {name!r}; there are {join_words(sorted(known)[:20])}.")
    choice = choose(guessed, chosen)
    if chosen and not dry_run:
        keep_rules(choice, guessed)
    told = []
    planning = plan_import(found.runs, choice)
    for planned in planning if dry_run else keep_runs(planning):
        sentence = planned.forecast if dry_run else planned.sentence
        told.append(
            {
                "id": planned.id,
                "origin": planned.run.key,
                "name": planned.run.name,
                "state": planned.run.state,
                "outcome": planned.outcome,
                "format": planned.run.format,
                "figures": dict(planned.mapping),
                "left_out": planned.run.left_out,
                "remarks": list(planned.run.remarks),
                "sentence": "\n".join([sentence, *(f"  {line}" for line in describe_planned(planned))]),
            }
        )
    for line in list_left_out(found.left_out):
        say(line)
    return told
