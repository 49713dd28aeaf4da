"""The style sheet and the script of the figures fit each other and the palette."""

import re

from plotly.offline import get_plotlyjs_version

from core.charts.assets import COLOURS, FIGURE_SCRIPT, PLOTLY_FILE, plotly_version, read_plotly
from core.charts.palette import SYMBOLS
from core.system.folders import PROJECT


def test_every_colour_that_the_script_reads_is_defined_for_both_themes() -> None:
    defined = set(re.findall(r"(--lab-[a-z-]+): light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\);", COLOURS))
    (theme,) = re.findall(r"for \(const name of \[(.*?)\]\) theme\[name\] = read", FIGURE_SCRIPT)
    read = {f"--lab-{name}" for name in re.findall(r'"([a-z-]+)"', theme)}
    assert read
    assert read | set(re.findall(r"--lab-[a-z-]+", FIGURE_SCRIPT)) <= defined


def test_the_label_at_the_pointer_has_a_mark_for_every_symbol() -> None:
    (marks,) = re.findall(r"const MARKS = \{(.*?)\}", FIGURE_SCRIPT)
    assert set(re.findall(r'"?([a-z-]+)"?:', marks)) == set(SYMBOLS) - {"circle"}


def test_plotly_is_the_one_whose_figures_the_python_package_writes_and_says_its_licence() -> None:
    assert plotly_version() == get_plotlyjs_version()
    assert read_plotly().startswith("/**\n* plotly.js (cartesian - minified)")
    assert "MIT" in PLOTLY_FILE.with_name("plotly-cartesian.LICENSE").read_text(encoding="utf-8")


def test_plotly_knows_every_kind_of_line_that_the_charts_have() -> None:
    kinds = {
        kind
        for path in (PROJECT / "core").rglob("*.py")
        for kind in re.findall(r'"type": "([a-z0-9]+)"', path.read_text(encoding="utf-8"))
    }
    charts = kinds - {"category", "data", "date", "line", "linear", "log", "rect", "path", "circle"}
    assert charts >= {"scatter", "bar", "heatmap"}
    assert [kind for kind in charts if f'name:"{kind}",basePlotModule' not in read_plotly()] == []
