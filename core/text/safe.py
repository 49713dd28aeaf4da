"""Text from outside, made safe to show: names, notes and logs may hold anything."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from functools import cache

# The wide forms too, which Japanese and Chinese spreadsheets read alike.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
JOINERS = "\u200c\u200d\u00ad"  # join scripts and emoji: a page shows them, a terminal miscounts them


def plain_cell(text: str) -> str:
    """Text as a cell: with an apostrophe before what a spreadsheet would take for a formula (OWASP, CSV injection).

    A number is none, also one below zero: a class or an id is handed in as it is.
    """
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def write_line(cells: Sequence[object]) -> str:
    """A line of a CSV table that ends in a line feed; a carriage return stands in quotes, or it would end the line."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)  # quotes what holds one of these
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def name_file(name: str, run_id: str) -> str:
    """What files of a run are called: its name in ASCII letters, digits and hyphens, and the end of its id.

    The id alone where it has no other name, or none of such letters.
    """
    stem = name_stem(name)
    return f"{stem}-{run_id[-6:]}" if stem and name != run_id else run_id


def name_stem(name: str) -> str:
    """A name in ASCII letters, digits and hyphens, as part of a file's; empty where it has none of them."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", letters).strip("-")[:60].strip("-")


def plain(text: str, keep: str = "") -> str:
    """Text that cannot control a terminal, nor hide or reverse the words around it.

    Control, format and surrogate characters, including bidirectional ones, become a replacement character, except those
    in `keep`.
    """
    return text.translate(_marks(keep))


@cache
def _marks(keep: str) -> _Marks:
    return _Marks((code, code) for code in map(ord, keep))


class _Marks(dict[int, int]):
    """What each character becomes, looked up when it first occurs: a full table would take a tenth of a second."""

    def __missing__(self, code: int) -> int:
        hidden = unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        self[code] = ord("\N{REPLACEMENT CHARACTER}") if hidden else code
        return self[code]
