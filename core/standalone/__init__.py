"""A run as one `train.py` that needs only torch and torchvision, made out of the engine's own sources.

No second implementation that drifts: `core.engine.script` is the root, and what it needs is copied with its comments,
without the branches that the run's spec does not take. Only the spec is written anew, as plain dataclasses. No torch.
"""

from core.standalone.reading import StandaloneError
from core.standalone.script import make_script, write_script

__all__ = ["StandaloneError", "make_script", "write_script"]
