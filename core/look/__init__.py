"""What pages and reports share of their look: the colours of both themes, and the script behind every chart."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent

COLOURS = (_HERE / "colours.css").read_text(encoding="utf-8")
FIGURE_SCRIPT = (_HERE / "figure.js").read_text(encoding="utf-8")
