"""Lists and counts in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def join_words(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def list_first(words: Sequence[str], most: int) -> str:
    """`a, b, c and 4 more`: at most so many by name."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def count_of(number: int, noun: str, plural: str = "") -> str:
    """`1 run`, `1,204 runs`; `2 classes` with a plural of its own."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
