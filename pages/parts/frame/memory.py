"""Keeps reruns quick: Streamlit collects garbage after each, and would look at every object of every library again."""

from __future__ import annotations

import gc
import sys

_modules = 0


def settle_memory() -> None:
    """Hides long-lived objects from the garbage collector, whenever libraries were loaded since the last call.

    With pandas, Optuna and SQLAlchemy loaded, a collection takes 80 to 200 ms of every rerun without this.
    """
    global _modules
    if len(sys.modules) != _modules:
        _modules = len(sys.modules)
        gc.collect()
        gc.freeze()
