"""A quiet table of text that scrolls sideways where there is no room for it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

_DOT = "display:inline-block;width:0.6rem;height:0.6rem;border-radius:50%;margin-right:0.4rem"


def show_wide_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    label: str,
    bold: Sequence[bool] = (),
    dots: Sequence[str] = (),
) -> None:
    """Rows of cells; `bold` rows stand out, `dots` are colours (CSS) before the first cell, empty for none."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = []
    for index, row in enumerate(rows):
        first, *others = (escape(cell) for cell in row)
        colour = dots[index] if dots else ""
        dot = f'<span style="{_DOT};background:{colour}"></span>' if colour else ""
        strong = ("<b>", "</b>") if bold and bold[index] else ("", "")
        cells = "".join(f"<td>{strong[0]}{cell}{strong[1]}</td>" for cell in (f"{dot}{first}", *others))
        lines.append(f"<tr>{cells}</tr>")
    st.html(
        f'<div class="lab-scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table class="lab-table">'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
