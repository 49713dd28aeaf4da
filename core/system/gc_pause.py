"""Pauses the garbage collector while many objects are made and none of them is garbage.

It runs again after every few hundred new objects; during a large import, or a long listing of files, that takes a fifth
to a third of the time and finds nothing.
"""

from __future__ import annotations

import gc
import sys


class Paused:
    """No garbage collection inside a `with` block."""

    def __enter__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self.was_on:
            gc.enable()


class LoadingTorch(Paused):
    """The block in which a process first imports torch; objects that exist at its end are never collected."""

    def __enter__(self) -> None:
        super().__enter__()
        self.is_first = "torch" not in sys.modules

    def __exit__(self, *error: object) -> None:
        if self.is_first and "torch" in sys.modules:
            gc.freeze()
        super().__exit__(*error)
