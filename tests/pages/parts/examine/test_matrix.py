"""The matrix holds every image once, and only its own cells can be chosen."""

import re

import numpy as np
import pytest

from core.charts.assets import COLOURS
from core.charts.colours import LEAST_TEXT_CONTRAST, blend, find_contrast
from core.charts.palette import DARK_PANEL, LIGHT_PANEL
from core.system.folders import PROJECT
from tests.examined import VAL, make_examined
from tests.pages.examine_page import matrix_of


def test_the_matrix_holds_every_image_once(open_page) -> None:
    page = open_page("examine", id=make_examined().id)
    assert np.sum(matrix_of(page)["counts"]) == VAL


@pytest.mark.parametrize("cell", ["", "3", "3-99", "a-b", "-1-2", "1-2-3", "²-²"])
def test_a_cell_that_is_none_is_passed_over(open_page, cell: str) -> None:
    page = open_page("examine", id=make_examined().id, cell=cell)
    assert matrix_of(page)["chosen"] is None


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("kind", "colour", "deepest"), [("right", "accent", 100), ("wrong", "bad", 77)])
def test_the_figure_of_a_cell_is_read_at_every_share_of_its_colour(
    theme: str, kind: str, colour: str, deepest: int
) -> None:
    parts = PROJECT / "pages/parts/examine"
    script, sheet = ((parts / f"matrix.{kind}").read_text() for kind in ("js", "css"))
    full, deep = (int(re.findall(rf"const {name} = (\d+);", script)[0]) for name in ("FULL", "DEEP"))
    pick = (lambda light, dark: light) if theme == "light" else (lambda light, dark: dark)
    plain = pick(*re.findall(r"td:not\(\.none\) \{ color: light-dark\((\S+), (\S+)\)", sheet)[0])
    strong = pick(*re.findall(r"td\.deep \{ color: light-dark\((\S+), (\S+)\)", sheet)[0])
    (middle,) = re.findall(r"td\.full \{ color: (\S+);", sheet)
    ink = pick(*re.findall(rf"--lab-{colour}: light-dark\((\S+), (\S+)\)", COLOURS)[0])
    ground = pick(LIGHT_PANEL, DARK_PANEL)
    assert f"td.{kind} {{ background: color-mix(in srgb, var(--lab-{colour}) var(--share), var(--lab-panel))" in sheet
    for share in range(8, deepest + 1):
        text = plain if share < full else middle if share < deep else strong
        shade = blend(((0, ground), (1, ink)), share / 100)
        assert find_contrast(text.replace("#000", "#000000").replace("#fff", "#ffffff"), shade) >= LEAST_TEXT_CONTRAST
