"""The command `export`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from core.cli.find import find_runs
from core.cli.output import FAILED, CommandError, print_json, say
from core.cli.source import AsJson, RunIds
from core.export.formats import FORMATS
from core.runs.records import WeightsName
from core.text.formats import format_bytes

_SEVERAL = ", ".join(key for key, format in FORMATS.items() if format.several)


def export_runs(
    run_ids: RunIds,
    format: Annotated[
        str, typer.Option("--format", "-f", metavar=" | ".join(FORMATS), help=f"Several runs fit into {_SEVERAL}.")
    ],
    checkpoint: Annotated[
        WeightsName, typer.Option("--checkpoint", "-c", help="Of a model: best on validation, or the last.")
    ] = "best",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file, or a folder to write into; by default here.", show_default=False),
    ] = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints/--no-checkpoints", help="Of a zip: with or without weights.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Writes over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Writes runs to a file to take away; prints its path.

    A zip of a run that still trains holds it as of now: its whole epochs and sound checkpoints.
    """
    from core.export.make import export_runs

    if format not in FORMATS:
        raise CommandError(f"There is no format {format!r}; there are {', '.join(FORMATS)}.")
    ids = [run.id for run in find_runs(run_ids)]
    target = _find_target(output, FORMATS[format].name_file(ids, checkpoint))
    if target.exists() and not force:
        raise CommandError(f"{target} is there already; --force writes over it.")
    try:
        # In the same folder, so that one rename publishes the whole file.
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as folder:
            made = export_runs(ids, format, checkpoint, checkpoints=checkpoints, folder=Path(folder))
            shutil.move(made.path, target)
    except OSError as error:
        raise CommandError(f"{target} could not be written: {error.strerror}.", FAILED) from None
    if as_json:
        print_json({"path": target, "format": format, "runs": ids, "bytes": target.stat().st_size, "note": made.note})
        return
    print(target)
    say(f"{format_bytes(target.stat().st_size)}. {made.note}".rstrip())


def _find_target(output: Path | None, name: str) -> Path:
    target = output or Path(name)
    if target.is_dir():
        target = target / name
    if target.is_symlink():
        target = target.resolve()
    if not target.parent.is_dir():
        raise CommandError(f"{target.parent}: there is no such folder.")
    if target.exists() and not target.is_file():
        # A file takes the place of what is there, and a superuser's would take that of a device such as /dev/null.
        raise CommandError(f"{target} is no regular file: name a file, or a folder to write into.")
    return target
