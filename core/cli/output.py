"""What the command line writes: tables for people, strict JSON for programs, and errors as one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.system.errors import LabError
from core.system.files import to_strict
from core.text.safe import plain

FINISHED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 3
# Wide enough that a piped table has one line per row, as grep wants it.
PIPE_WIDTH = 2000

STATE_STYLES = {
    "running": "green",
    "queued": "cyan",
    "finished": "bold green",
    "failed": "bold red",
    "damaged": "bold red",
    "stopped": "yellow",
    "interrupted": "yellow",
    "pruned": "dim",
}


class CommandError(LabError):
    """A command cannot do what it was asked to do; the message is what the user reads."""

    def __init__(self, sentence: str, exit_code: int = BAD_INPUT) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def make_console(*, stderr: bool = False) -> Console:
    """A console without markup, so that a run named `[red]` is shown by its name."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def say(sentence: str) -> None:
    """Prints a line on the standard error; facts go to the standard output."""
    print(plain(sentence, keep="\n"), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Strict JSON on the standard output: data classes as objects, NaN and infinity as null."""
    print(json.dumps(_clean(value), indent=2, allow_nan=False, default=_to_plain))


def _clean(value: Any) -> Any:
    return to_strict({"value": value})["value"]


def _to_plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else _clean(asdict(value))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A table; the columns named in `right` are numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(_cell(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    make_console().print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, one per line; empty values are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        if value not in ("", None):
            grid.add_row(name, _cell(value))
    make_console().print(grid)


def _cell(value: object) -> Text:
    text = plain(str(value), keep="\n")
    return Text(text, style=STATE_STYLES.get(text, ""))


def confirm(question: str, yes: bool, undone: str = "Nothing was deleted") -> None:
    """Asks on a terminal; elsewhere nobody could answer, so --yes is required."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{undone}: add --yes where nobody can be asked.")
    if not typer.confirm(question):
        raise CommandError(f"{undone}.", FAILED)
