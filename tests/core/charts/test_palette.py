"""Colours of runs are told apart by everybody, on both grounds."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.charts.assets import COLOURS
from core.charts.colours import (
    LEAST_CONTRAST,
    LEAST_DIFFERENCE,
    LEAST_TEXT_CONTRAST,
    find_contrast,
    find_differences,
    to_lab,
    to_linear,
)
from core.charts.palette import (
    DARK_GROUND,
    DARK_PANEL,
    GREY,
    LIGHT_GROUND,
    LIGHT_PANEL,
    MUTED,
    PALETTE,
    RESULT_SCALE,
    SYMBOLS,
    Ink,
    pick_ink,
    pick_result_ink,
    tell_apart,
    tell_runs_apart,
)


@pytest.mark.parametrize(
    ("step", "grounds"), [("light", (LIGHT_GROUND, LIGHT_PANEL)), ("dark", (DARK_GROUND, DARK_PANEL))]
)
def test_colours_of_runs_stay_apart_for_everybody_and_are_seen(step: str, grounds: tuple[str, ...]) -> None:
    colours = [getattr(ink, step) for ink in PALETTE]
    distances = find_differences(colours, colours)[np.triu_indices(len(colours), 1)]
    assert distances.min() >= LEAST_DIFFERENCE
    assert min(find_contrast(colour, ground) for colour in colours for ground in grounds) >= LEAST_CONTRAST
    chroma = np.hypot(*to_lab(to_linear(colours)).T[1:])
    assert chroma.min() > 20  # none is taken for a grey


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    assert f"--lab-ground: light-dark({LIGHT_GROUND}, {DARK_GROUND})" in COLOURS
    assert f"--lab-panel: light-dark({LIGHT_PANEL}, {DARK_PANEL})" in COLOURS
    assert f"--lab-muted: light-dark({MUTED.light}, {MUTED.dark})" in COLOURS


def test_a_colour_is_of_one_family_on_both_grounds() -> None:
    light, dark = (to_lab(to_linear([getattr(ink, step) for ink in PALETTE])) for step in ("light", "dark"))
    hues = np.degrees(np.arctan2(light[:, 2], light[:, 1]) - np.arctan2(dark[:, 2], dark[:, 1]))
    assert np.abs((hues + 180) % 360 - 180).max() < 25


def test_own_colour_is_the_same_in_every_process_and_all_colours_are_used() -> None:
    # Written down: a run keeps its colour from one version to the next.
    assert pick_ink("20260101-120000-000-abcdef") == Ink("#467fff", "#8b8cff")
    assert {pick_ink(str(index)) for index in range(500)} == set(PALETTE)
    assert pick_ink("any").css.startswith("light-dark(#")


def test_a_chosen_colour_is_kept_as_far_as_it_can_be_seen() -> None:
    assert pick_ink("any", "#c04060") == Ink("#c04060", "#c04060")
    yellow = pick_ink("any", "#ffff00")
    assert yellow.dark == "#ffff00"
    assert find_contrast(yellow.light, LIGHT_GROUND) >= LEAST_CONTRAST


def test_the_first_of_two_keeps_its_colour_and_the_later_one_takes_the_nearest_free() -> None:
    first, other = PALETTE[3], PALETTE[7]
    told = [ink for ink, _ in tell_apart([first, first, other], [False] * 3)]
    # The third keeps its own too: what steps leaves the others' alone.
    assert told[0] == first
    assert told[2] == other
    distances = {
        ink: min(find_differences([first.light], [ink.light])[0, 0], find_differences([first.dark], [ink.dark])[0, 0])
        for ink in PALETTE
        if ink not in (first, other)
    }
    assert told[1] == min(distances, key=lambda ink: distances[ink])


def test_twelve_runs_of_one_colour_all_differ() -> None:
    told = tell_apart([PALETTE[0]] * len(PALETTE), [False] * len(PALETTE))
    assert {ink for ink, _ in told} == set(PALETTE)
    assert {symbol for _, symbol in told} == {"circle"}


def test_where_no_colour_is_free_a_symbol_tells_runs_apart() -> None:
    told = tell_apart([PALETTE[0]] * 14, [False] * 14)
    assert [ink for ink, _ in told[12:]] == [PALETTE[0]] * 2
    assert len({symbol for ink, symbol in told if ink == PALETTE[0]}) == 3
    assert {symbol for _, symbol in told} <= set(SYMBOLS)


def test_a_chosen_colour_makes_way_for_none_and_others_make_way_for_it() -> None:
    chosen = pick_ink("b", "#b08a04")  # nearly the second of the palette
    (first, _), (second, symbol), (third, other) = tell_apart([PALETTE[1], chosen, chosen], [False, True, True])
    assert second == third == chosen
    assert first != PALETTE[1]
    assert (symbol, other) == ("circle", "diamond")


def test_the_same_runs_have_the_same_colours_whatever_follows() -> None:
    inks = [PALETTE[index] for index in (0, 1, 1, 5, 5)]
    told = tell_apart(inks, [False] * 5)
    assert tell_apart(inks[:3], [False] * 3) == told[:3]


def test_results_are_coloured_by_how_far_they_are_from_the_best() -> None:
    inks = [pick_result_ink(share) for share in (0, 0.35, 0.65, 1)]
    assert len(set(inks)) == len(RESULT_SCALE)
    for ink, ground in itertools.product(inks, (LIGHT_GROUND, DARK_GROUND)):
        assert find_contrast(ink.light if ground == LIGHT_GROUND else ink.dark, ground) >= LEAST_CONTRAST


@dataclass(frozen=True)
class Shown:
    """A run, as far as its colour goes."""

    id: str
    colour: str = ""


PLAIN = st.builds(Shown, st.uuids().map(str))
CHOSEN = st.builds(
    Shown,
    st.uuids().map(str),
    st.integers(0, 0xFFFFFF).map("#{:06x}".format) | st.sampled_from(PALETTE).map(lambda ink: ink.light),
)


def find_alike(inks: Sequence[Ink]) -> set[tuple[int, int]]:
    """Pairs of places whose colours somebody takes for one, on the light ground or on the dark one."""
    lights, darks = [ink.light for ink in inks], [ink.dark for ink in inks]
    nearest = np.minimum(find_differences(lights, lights), find_differences(darks, darks))
    return {(one, other) for one, other in zip(*np.nonzero(nearest < LEAST_DIFFERENCE), strict=True) if one < other}


@settings(max_examples=40)
@given(st.lists(PLAIN, min_size=1, max_size=len(PALETTE), unique_by=lambda run: run.id))
def test_any_dozen_of_runs_all_differ_and_no_one_gives_its_colour_up_without_need(runs: list[Shown]) -> None:
    told = tell_runs_apart(runs)
    assert find_alike([ink for ink, _ in told]) == set()
    own = [pick_ink(run.id) for run in runs]
    assert [ink == first for (ink, _), first in zip(told, own, strict=True)] == [
        ink not in own[:place] for place, ink in enumerate(own)
    ]


@settings(max_examples=60)
@given(st.lists(PLAIN | CHOSEN, min_size=2, max_size=len(SYMBOLS), unique_by=lambda run: run.id))
def test_with_chosen_colours_any_two_runs_differ_by_colour_or_symbol(runs: list[Shown]) -> None:
    told = tell_runs_apart(runs)
    for one, other in find_alike([ink for ink, _ in told]):
        assert told[one][1] != told[other][1]
    for run, (ink, _) in zip(runs, told, strict=True):
        assert not run.colour or ink == pick_ink(run.id, run.colour)
        for colour, grounds in ((ink.light, (LIGHT_GROUND, LIGHT_PANEL)), (ink.dark, (DARK_GROUND, DARK_PANEL))):
            assert min(find_contrast(colour, ground) for ground in grounds) >= LEAST_CONTRAST


def test_a_run_on_its_own_page_keeps_its_colour_and_earlier_ones_make_way() -> None:
    runs = [Shown(str(number)) for number in range(40)]
    same = [run for run in runs if pick_ink(run.id) == pick_ink("0")][:2]
    assert len(same) == 2
    (other, _), (kept, symbol) = tell_runs_apart(same, keeps=same[1].id)
    assert (kept, symbol) == (pick_ink("0"), "circle")
    assert find_alike([other, kept]) == set()


@pytest.mark.parametrize("name", ["text", "muted", "accent", "good", "warn", "bad"])
def test_text_can_be_read_on_grounds_and_panels(name: str) -> None:
    light, dark = re.search(rf"--lab-{name}: light-dark\((#\w+), (#\w+)\)", COLOURS).groups()  # type: ignore[union-attr]
    for colour, grounds in ((light, (LIGHT_GROUND, LIGHT_PANEL)), (dark, (DARK_GROUND, DARK_PANEL))):
        assert min(find_contrast(colour, ground) for ground in grounds) >= LEAST_TEXT_CONTRAST


def test_grey_marks_are_seen_on_grounds_and_panels() -> None:
    grounds = (LIGHT_GROUND, LIGHT_PANEL, DARK_GROUND, DARK_PANEL)
    assert min(find_contrast(GREY, ground) for ground in grounds) >= LEAST_CONTRAST
