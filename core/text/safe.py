"""Text from outside, made safe to show: names, notes and logs may hold anything."""

from __future__ import annotations

import unicodedata
from functools import cache

# The wide forms too, which Japanese and Chinese spreadsheets read alike.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
JOINERS = "\u200c\u200d\u00ad"  # join scripts and emoji: a page shows them, a terminal miscounts them


def plain_cell(text: str) -> str:
    """Text as a cell: with an apostrophe before what a spreadsheet would take for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


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
