"""Logging from scripts that are not ours, by the names that Trackio and Weights & Biases use for it.

    import core.log as trackio

    trackio.init(project="birds", config={"lr": 0.1})
    trackio.log({"train/loss": 0.7, "val/accuracy": 0.8})
    trackio.finish()

The run appears in the lab at once and grows while the script runs. docs/LOGGING.md says what of the two interfaces
works and what does not. Importing this loads next to nothing; torch is never loaded.
"""

from __future__ import annotations

from core.log.face import (
    IGNORED,
    MEDIA,
    finish,
    init,
    log,
)
from core.log.face import look_up as __getattr__

__all__ = ["IGNORED", "MEDIA", "__getattr__", "finish", "init", "log"]
