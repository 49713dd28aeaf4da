"""What goes wrong in a training, as sentences that say what to try."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from core.engine.data import Data
from core.engine.device import name_device
from core.engine.events import TrainingError
from core.spec import RunSpec
from core.spec.schedule import BRING_OWN_RISE
from core.spec.train import list_choosing
from core.text.words import join_words

# What torch, its allocators and oneDNN say when memory runs out on a CPU.
_MEMORY_WORDS = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory", "bad_alloc")


@contextmanager
def explain_failures(spec: RunSpec, device: torch.device) -> Iterator[None]:
    """Turns torch's errors about memory and batches of one image into TrainingErrors."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = (
            f"Memory ran out on {device} ({name_device(device)}) at a batch size of {spec.train.batch_size:,}. Try "
            "a smaller batch size (gradient accumulation keeps the images of an update), fewer channels or "
            "smaller images."
        )
        raise TrainingError("out_of_memory", message) from error
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        message = (
            "Batch normalisation cannot train on a batch of one image if the map is 1x1. "
            f"Choose a batch size above {spec.train.batch_size}, or fewer strides."
        )
        raise TrainingError("batch_norm", message) from error


def check_validation(spec: RunSpec, data: Data) -> None:
    """Raises TrainingError if validation images are to decide something, and the folder has none."""
    choosing = list_choosing(spec.train)
    if choosing and not len(data.val):
        path, value = choosing[0]
        message = f"{path} = {value} needs validation images: the folder has none, and data.val_fraction = 0."
        raise TrainingError("no_validation", message)


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY_WORDS)


def check_finite(loss: float, spec: RunSpec, *, epoch: int, step: int, learning_rate: float) -> None:
    """Raises TrainingError if the loss is NaN or infinite; `epoch` is 1-based, `step` counts updates done."""
    if math.isfinite(loss):
        return
    tries = [f"a learning rate below {learning_rate:.3g}"]
    if spec.train.warmup_epochs == 0 and spec.train.schedule not in BRING_OWN_RISE:
        tries.append("a warm-up")
    if spec.train.clip_norm == 0:
        tries.append("gradient clipping")
    if spec.model.norm == "none":
        tries.append("a normalisation")
    what = "NaN" if math.isnan(loss) else "infinite"
    message = f"The loss became {what} in epoch {epoch}, by update {step:,}, at a learning rate of {learning_rate:.3g}."
    raise TrainingError("nan", f"{message} Try {join_words(tries, 'or')}.")
