"""Colour is the run: fixed by its id or chosen by a person, the same on every page, with a step for each theme.

Runs that are shown together are told apart. Where two colours are too near, the later run steps to the nearest one that
is free; where none is, a symbol at its points tells it apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from core.charts.colours import LEAST_DIFFERENCE, FloatArray, blend, find_differences, make_visible

LIGHT_GROUND, DARK_GROUND = "#ffffff", "#11151c"  # `--lab-ground` of browser/colours.css
LIGHT_PANEL, DARK_PANEL = "#f4f6f9", "#1a2029"  # `--lab-panel`: on it a colour is seen less well


@dataclass(frozen=True)
class Ink:
    """One colour, as it is on a light ground and on a dark one: `#rrggbb` each."""

    light: str
    dark: str

    @property
    def css(self) -> str:
        """For a style, where it follows the theme."""
        return f"light-dark({self.light}, {self.dark})"


# Found by search. Any two differ by at least LEAST_DIFFERENCE on either ground, also with deuteranopia, protanopia and
# tritanopia, and each has LEAST_CONTRAST on its ground and its panels; more than about thirteen such colours there are
# not.
PALETTE = (
    Ink("#242e67", "#8a76b2"),
    Ink("#b08901", "#f8df42"),
    Ink("#105849", "#317758"),
    Ink("#55071f", "#d8647e"),
    Ink("#08a083", "#2bab9a"),
    Ink("#6d4406", "#846521"),
    Ink("#467fff", "#8b8cff"),
    Ink("#db64ae", "#ff9ee1"),
    Ink("#237f59", "#abedc3"),
    Ink("#5f44d9", "#9c30dc"),
    Ink("#b3397f", "#bf2b84"),
    Ink("#8a6a06", "#b79e4e"),
)
# From the best result to the worst, of the same colours as a study's.
RESULT_SCALE = ((0.0, "#4854c0"), (0.35, "#5490fc"), (0.65, "#b9b3a2"), (1.0, "#cc9000"))
GREY = "#808a98"  # what is no run; seen on the grounds and panels of both themes
MUTED = Ink("#5d6878", "#98a2b3")  # text of what is no run: `--lab-muted` of browser/colours.css
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross", "star")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def is_colour(text: str) -> bool:
    return bool(_COLOUR.fullmatch(text))


def pick_ink(run_id: str, chosen: str = "") -> Ink:
    """The run's colour: the chosen one, `#rrggbb`, as far as it can be seen, else its own, by its id."""
    if chosen:
        return Ink(make_visible(chosen, LIGHT_PANEL), make_visible(chosen, DARK_PANEL))
    return PALETTE[hashlib.sha256(run_id.encode()).digest()[0] * len(PALETTE) // 256]


def pick_result_ink(share: float) -> Ink:
    """For a result that lies so far from the best, 0, to the worst, 1."""
    colour = blend(RESULT_SCALE, share)
    return Ink(make_visible(colour, LIGHT_GROUND), make_visible(colour, DARK_GROUND))


class Coloured(Protocol):
    """A run, as far as its colour goes: `colour` is the chosen one, or empty."""

    @property
    def id(self) -> str: ...
    @property
    def colour(self) -> str: ...


def tell_runs_apart(runs: Sequence[Coloured], keeps: str = "") -> list[tuple[Ink, str]]:
    """Each run's colour and symbol where these are shown together; `keeps` is the id of a run that others make way for.

    On its own page a run has the colour that it has alone.
    """
    fixed = [bool(run.colour) or run.id == keeps for run in runs]
    return tell_apart([pick_ink(run.id, run.colour) for run in runs], fixed)


def tell_apart(inks: Sequence[Ink], fixed: Sequence[bool]) -> list[tuple[Ink, str]]:
    """Each run's colour among these, and its symbol.

    Fixed colours stay as they are. Of all others a run keeps its own if no earlier one is too near, and what has to
    step leaves those alone. A run whose colour is near an earlier one's all the same has another symbol than that one.
    """
    known = list(dict.fromkeys([*PALETTE, *inks]))
    distances = _find_distances(tuple(known))
    own = [known.index(ink) for ink in inks]
    shown = {place: ink for place, ink in enumerate(own) if fixed[place]}

    def is_free(ink: int) -> bool:
        return all(distances[ink, other] >= LEAST_DIFFERENCE for other in shown.values())

    for place, ink in enumerate(own):
        if place not in shown and is_free(ink):
            shown[place] = ink
    for place, ink in enumerate(own):
        if place not in shown:
            free = [each for each in range(len(PALETTE)) if is_free(each)]
            shown[place] = min(free, key=distances[ink].__getitem__, default=ink)
    symbols: list[str] = []
    for place in range(len(own)):
        near = [earlier for earlier in range(place) if distances[shown[place], shown[earlier]] < LEAST_DIFFERENCE]
        taken = [symbols[earlier] for earlier in near]
        symbols.append(min(SYMBOLS, key=taken.count))
    return [(known[shown[place]], symbol) for place, symbol in enumerate(symbols)]


@lru_cache(maxsize=64)
def _find_distances(inks: tuple[Ink, ...]) -> FloatArray:
    """Of each from each, on the ground where the two differ less: (inks, inks)."""
    lights, darks = [ink.light for ink in inks], [ink.dark for ink in inks]
    return np.minimum(find_differences(lights, lights), find_differences(darks, darks))


def list_dark_steps(inks: Sequence[Ink]) -> dict[str, str]:
    """For the `meta.dark` of a figure, whose traces carry the light steps: by each of them the dark one."""
    return {ink.light: ink.dark for ink in inks}
