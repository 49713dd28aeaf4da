"""What stands in a report: its words, its tables, its figures and its scripts, as a browser would read them."""

import base64
import json
import struct
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class ReadReport(HTMLParser):
    """Feed it a report; `cells` are the rows of all tables, `figures` Plotly's figures by the title above them."""

    content: bytes
    elements: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)  # element, name, value
    words: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.kind = self.heading = ""
        self.feed(self.content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "tr":
            self.cells.append([])
        elif tag in ("td", "th"):
            self.cells[-1].append("")
        elif tag == "h4":
            self.heading = ""
        elif tag == "script":
            self.kind = dict(attrs).get("type") or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"{tag} closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            if self.kind == "application/json":
                self.figures[self.heading] = json.loads(data)
            else:
                self.scripts.append(data)
            return
        if self.open[-1:] == ["style"]:
            self.styles.append(data)
            return
        if "h4" in self.open:
            self.heading += data
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def row(self, first: str) -> list[str]:
        """The first row whose first cell begins so, its cells without surplus white space."""
        return next(found for row in self.cells if (found := [" ".join(c.split()) for c in row])[0].startswith(first))


def read_numbers(values: Any) -> list[float]:
    """Numbers of a figure, as Plotly writes them: plain, or packed as bytes."""
    if isinstance(values, list):
        return values
    content = base64.b64decode(values["bdata"])
    code = {"f4": "f", "f8": "d", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I"}[values["dtype"]]
    return list(struct.unpack(f"<{len(content) // struct.calcsize(code)}{code}", content))
