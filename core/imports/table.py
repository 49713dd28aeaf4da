from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableColumns:
    step: str = ""
    run: str = ""
    time: str = ""
