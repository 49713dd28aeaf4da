"""Images with two lines of text each, to click: of a data set, or of what a network makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pages.parts.frame.assets import load

_gallery = load("gallery", __file__, "open")


@dataclass(frozen=True)
class Tile:
    """One image by its index, its `source` as an address, and the text below; a `wrong` one is shown as such."""

    index: int
    source: str
    title: str
    line: str
    wrong: bool = False
    chosen: bool = False


def show_tiles(
    tiles: Sequence[Tile], *, key: str, hint: str, ahead: Sequence[Tile] = (), pager: str = ""
) -> int | None:
    """Shows the images; the index of one that was clicked just now. `hint` says what a click does.

    `ahead` are those of the next page: they show as soon as Next of the `pager` with this key is clicked.
    """
    data = {"items": list(map(asdict, tiles)), "ahead": list(map(asdict, ahead)), "pager": pager, "hint": hint}
    event = _gallery(key=key, data=data)
    return None if event.open is None else int(event.open)
