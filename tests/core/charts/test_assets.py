"""The style sheet and the script of the figures fit each other and the palette."""

import re

from core.charts.assets import COLOURS, FIGURE_SCRIPT
from core.charts.palette import SYMBOLS


def test_every_colour_that_the_script_reads_is_defined_for_both_themes() -> None:
    defined = set(re.findall(r"(--lab-[a-z-]+): light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\);", COLOURS))
    (theme,) = re.findall(r"for \(const name of \[(.*?)\]\) theme\[name\] = read", FIGURE_SCRIPT)
    read = {f"--lab-{name}" for name in re.findall(r'"([a-z-]+)"', theme)}
    assert read
    assert read | set(re.findall(r"--lab-[a-z-]+", FIGURE_SCRIPT)) <= defined


def test_the_label_at_the_pointer_has_a_mark_for_every_symbol() -> None:
    (marks,) = re.findall(r"const MARKS = \{(.*?)\}", FIGURE_SCRIPT)
    assert set(re.findall(r'"?([a-z-]+)"?:', marks)) == set(SYMBOLS) - {"circle"}
