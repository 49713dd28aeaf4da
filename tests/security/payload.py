"""What a hostile file does where it is let: calls a command that makes a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

PWNED = "pwned"
BOMB_BYTES = 150_000_000


class Call:
    """Pickles to a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def payload(folder: Path) -> str:
    return f"touch {folder / PWNED}"
