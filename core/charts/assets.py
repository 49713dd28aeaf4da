"""What pages and reports share of their look: the colours of both themes, and the script behind every chart."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent / "browser"

COLOURS = (_HERE / "colours.css").read_text(encoding="utf-8")
FIGURE_SCRIPT = "".join(
    (_HERE / name).read_text(encoding="utf-8") for name in ("share.js", "nearest.js", "figure.js", "save.js")
)
# plotly.js with the charts that have two axes, as its makers publish it: a third of the whole, without maps and 3D.
# Another version of it: `npm pack plotly.js-cartesian-dist-min@VERSION`.
PLOTLY_FILE = _HERE / "plotly-cartesian.min.js"


@cache
def read_plotly() -> str:
    return PLOTLY_FILE.read_text(encoding="utf-8")


@cache
def plotly_version() -> str:
    """As its first lines say."""
    with PLOTLY_FILE.open(encoding="utf-8") as file:
        found = re.search(r"plotly\.js .* v([\d.]+)", file.read(200))
    assert found
    return found[1]
