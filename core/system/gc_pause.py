"""Python's search for reference cycles, put off while much is made that is no garbage.

It starts anew with every few hundred objects: among the many thousands of a large import, or of a listing of files, it
takes a fifth to a third of the time and finds nothing.
"""

from __future__ import annotations

import gc
import sys


class Paused:
    """No search inside of a `with` block."""

    def __enter__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self.was_on:
            gc.enable()


class LoadingTorch(Paused):
    """The block in which a process first imports torch; what is there at its end is never searched again."""

    def __enter__(self) -> None:
        super().__enter__()
        self.is_first = "torch" not in sys.modules

    def __exit__(self, *error: object) -> None:
        if self.is_first and "torch" in sys.modules:
            gc.freeze()
        super().__exit__(*error)
