"""What pages and reports share of their look: the colours of both themes, and the script behind every chart."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent / "browser"

COLOURS = (_HERE / "colours.css").read_text(encoding="utf-8")
FIGURE_SCRIPT = "".join(
    (_HERE / name).read_text(encoding="utf-8") for name in ("share.js", "nearest.js", "figure.js", "save.js")
)
