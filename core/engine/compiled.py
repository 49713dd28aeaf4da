"""The network through torch.compile if the spec asks for it, and uncompiled if it cannot be compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.engine.failures import is_out_of_memory
from core.spec import TrainSpec

# Images in all epochs from which on "auto" compiles on a GPU: some 90 epochs of CIFAR-10, against which a minute of
# compiling is small. A rule of thumb, not a measurement.
LONG_TRAINING = 4_000_000

Network = Callable[[Tensor], Tensor]


def compile_network(train: TrainSpec, model: nn.Module, device: torch.device, images: int) -> Network:
    """`model`, or its compiled form that shares its weights; `images` is the number in an epoch."""
    # "auto" follows from the spec and the kind of device alone, so that a run repeats.
    is_long = device.type == "cuda" and images * train.epochs >= LONG_TRAINING
    return _Compiled(model) if {"off": False, "auto": is_long, "on": True}[train.compile] else model


class _Compiled:
    """Compiles at the first batch; if that fails, the reason is logged and the network runs uncompiled."""

    def __init__(self, model: nn.Module) -> None:
        self._model, self._network, self._works = model, torch.compile(model, dynamic=False), False

    def __call__(self, inputs: Tensor) -> Tensor:
        try:
            logits: Tensor = self._network(inputs)
        except Exception as error:
            if self._works or is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0]
            logging.getLogger(__name__).warning("Training goes on without torch.compile: %s", reason)
            self._network = self._model
            logits = self._network(inputs)
        self._works = True
        return logits
