"""Colour is the run, fixed by its id and the same on every page; a symbol tells apart two of one colour."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

# Twelve colours that stay apart for people with deuteranopia, protanopia and tritanopia, found by search: the smallest
# distance between any two, in CIE Lab, is 18; each has contrast enough on a white and on a near-black page.
PALETTE = (
    "#4854c0",
    "#cc9000",
    "#308484",
    "#b42460",
    "#48b478",
    "#9c4800",
    "#5490fc",
    "#f078b4",
    "#909c48",
    "#6c5490",
    "#b478cc",
    "#84603c",
)
GREY = "#8a94a3"  # what is no run; readable on white and on near-black alike
# Two of the runs drawn together may share a colour: the second then carries the next of these at its points.
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross", "star")


def run_colour(run_id: str) -> str:
    """The run's colour as `#rrggbb`: the same on every page and in every process."""
    return PALETTE[hashlib.sha256(run_id.encode()).digest()[0] * len(PALETTE) // 256]


def pick_symbols(run_ids: Sequence[str]) -> dict[str, str]:
    """A marker for every run whose colour an earlier run of the list already has."""
    seen: dict[str, int] = {}
    symbols = {}
    for run_id in run_ids:
        turn = seen.get(run_colour(run_id), 0)
        seen[run_colour(run_id)] = turn + 1
        if turn:
            symbols[run_id] = SYMBOLS[turn % len(SYMBOLS)]
    return symbols
