"""Colours of runs are told apart by everybody."""

import colorsys
import itertools

import numpy as np
import pytest

from core.charts.palette import PALETTE, pick_symbols, run_colour

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def to_linear(colour: str) -> np.ndarray:
    share = np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def to_lab(linear: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* under D65."""
    x, y, z = XYZ @ np.clip(linear, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    fx, fy, fz = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio."""
    first, second = sorted((float(XYZ[1] @ to_linear(colour)) for colour in (one, other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_colours_of_runs_stay_apart_for_colour_blind_people(vision: str) -> None:
    labs = [to_lab(VISION[vision] @ to_linear(colour)) for colour in PALETTE]
    distances = [float(np.linalg.norm(one - other)) for one, other in itertools.combinations(labs, 2)]
    # 2.3 is a just noticeable difference; lines are thin, so they need several times that.
    assert min(distances) > 15


@pytest.mark.parametrize("ground", ["#ffffff", "#11151c"])
def test_colours_of_runs_are_seen_on_both_themes(ground: str) -> None:
    assert min(contrast(colour, ground) for colour in PALETTE) > 2.4


def test_no_colour_of_a_run_is_a_grey() -> None:
    rgb = [[int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)] for colour in PALETTE]
    assert min(colorsys.rgb_to_hls(*each)[2] for each in rgb) > 0.15


def test_colour_is_the_same_in_every_process_and_all_colours_are_used() -> None:
    # Written down: a run keeps its colour from one version to the next.
    assert run_colour("20260101-120000-000-abcdef") == "#5490fc"
    assert {run_colour(str(index)) for index in range(500)} == set(PALETTE)


def test_runs_of_one_colour_get_markers_of_their_own() -> None:
    by_colour: dict[str, list[str]] = {}
    for index in range(200):
        by_colour.setdefault(run_colour(str(index)), []).append(str(index))
    same = next(ids for ids in by_colour.values() if len(ids) >= 3)[:3]
    symbols = pick_symbols(same)
    assert same[0] not in symbols
    assert symbols[same[1]] != symbols[same[2]]
