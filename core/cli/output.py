"""What the command line writes: tables for people, strict JSON for programs, and errors as one sentence."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from core.system.errors import LabError
from core.system.files import to_strict
from core.text.safe import plain

FINISHED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 3
# Wide enough that a piped table has one line per row, as grep wants it.
PIPE_WIDTH = 2000
GAP = 3  # between two columns
FOLD = 12  # text is folded to no less
WHOLE = 60  # what is longer is folded between words

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


def prepare_streams() -> None:
    """Lets every text be printed, whatever the terminal's encoding, and also where a standard stream is closed.

    A file's name of bytes that are no UTF-8 is printed as these bytes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the program
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            is_whole = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if is_whole else "replace")


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


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """A table, one line a row; the columns named in `right` are numbers.

    A terminal that is too narrow folds long text, but not what is `whole`, because somebody may type it in again.
    Before anything else, columns that can be spared are left out, the first one named first.
    """
    cells = [[Text(column) for column in columns], *([_cell(value) for value in row] for row in rows)]
    console = make_console()
    sizes = [_measure([row[index] for row in cells], columns[index] in whole) for index in range(len(columns))]
    shown, left_out = list(range(len(columns))), []
    for index in map(columns.index, spare):
        if _width([sizes[each].least for each in shown]) <= console.width:
            break
        shown.remove(index)
        left_out.append(columns[index])
    widths = _share(console.width, [sizes[index] for index in shown])
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, width in zip(shown, widths, strict=True):
        justify: JustifyMethod = "right" if columns[index] in right else "left"
        table.add_column(cells[0][index], justify=justify, overflow="fold", width=width)
    for row in cells[1:]:
        table.add_row(*[row[index] for index in shown])
    console.width = max(console.width, _width(widths))
    console.print(table, crop=False)
    if left_out:
        say(f"Left out, as the terminal is too narrow: {', '.join(left_out)}.")


class _Size(NamedTuple):
    """How wide a column must be, and how wide it would like to be."""

    least: int
    most: int


def _measure(texts: Sequence[Text], is_whole: bool) -> _Size:
    words, most = (max(sizes) for sizes in zip(*map(_lengths, texts), strict=True))
    if is_whole:
        return _Size(most if most <= WHOLE else words, most)
    return _Size(most if most <= FOLD else min(words, FOLD), most)


def _lengths(text: Text) -> tuple[int, int]:
    """Those of its longest word and of its longest line, in cells of the terminal."""
    return max(map(cell_len, text.plain.split()), default=0), max(map(cell_len, text.plain.split("\n")))


def _width(widths: Sequence[int]) -> int:
    """Of a table with columns of these widths."""
    return sum(widths) + GAP * (len(widths) - 1)


def _share(width: int, sizes: Sequence[_Size]) -> list[int]:
    """A width for each column: at least what it needs, the rest a cell at a time to whichever lacks most."""
    widths = [size.least for size in sizes]
    for _ in range(width - _width(widths)):
        index = max(range(len(sizes)), key=lambda each: sizes[each].most - widths[each])
        if widths[index] == sizes[index].most:
            break
        widths[index] += 1
    return widths


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, one per line; empty values are left out, and no word is cut."""
    shown = [(name, _cell(value, keep="\n")) for name, value in facts if value not in ("", None)]
    console = make_console()
    indent = max((cell_len(name) for name, _ in shown), default=0) + 2
    for name, value in shown:
        lines = value.wrap(console, max(console.width - indent, FOLD), overflow="ignore")
        for number, line in enumerate(lines):
            label = Text("" if number else name, style="dim")
            label.pad_right(indent - label.cell_len)
            # A word that is too long for the line is wrapped by the terminal, which copies it whole.
            console.print(label + line, soft_wrap=True)


def _cell(value: object, keep: str = "") -> Text:
    text = plain(str(value), keep=keep)
    return Text(text, style=STATE_STYLES.get(text, ""))


def confirm(question: str, yes: bool, undone: str = "Nothing was deleted") -> None:
    """Asks on a terminal; elsewhere nobody could answer, so --yes is required."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{undone}: add --yes where nobody can be asked.")
    if not typer.confirm(question):
        raise CommandError(f"{undone}.", FAILED)
