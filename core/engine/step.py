"""One batch of training, from the indices of its images to changed weights; nothing in it waits for the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.engine.augment import Augment, shrink
from core.engine.compiled import compile_network
from core.engine.data import ImageSet
from core.engine.graph import GraphedStep
from core.engine.optim import update_average
from core.engine.state import TrainState
from core.spec import RunSpec


@dataclass(frozen=True)
class BatchRole:
    """What a batch is to its update: all that a step needs to know from the host."""

    share: float  # of the images of its update
    ends_group: bool = True  # it is the last batch of its update, and makes the update
    pulls_back: bool = False  # Lookahead acts after it
    falls_back: bool = False  # and all the way, as its share rises and the epoch ends
    is_measured: bool = False  # its update is the one of the epoch of which the layers' norms are noted
    side: int = 0  # to which its images shrink; 0 leaves them as they are


class Step(Protocol):
    """`indices` (batch,) of images in the training part; `mirrored` (batch,) bool if flips alternate, else None."""

    def __call__(self, indices: Tensor, mirrored: Tensor | None, role: BatchRole) -> None: ...


def make_step(spec: RunSpec, state: TrainState, images: ImageSet, augment: Augment, dtype: torch.dtype) -> Step:
    """The step of `state`'s training on `images`; on CUDA it is played back as a graph wherever it can be."""
    step = make_plain_step(spec, state, images, augment, dtype)
    return GraphedStep(step, state.generator) if state.device.type == "cuda" else step


def make_plain_step(spec: RunSpec, state: TrainState, images: ImageSet, augment: Augment, dtype: torch.dtype) -> Step:
    """The step, one operation after the other."""
    model, optimizer, lookahead, average = state.model, state.optimizer, state.lookahead, state.average
    parameters, totals, clip_norm = list(model.parameters()), state.totals, spec.train.clip_norm
    norms = state.norms
    network = compile_network(spec.train, model, state.device, len(images))

    def step(indices: Tensor, mirrored: Tensor | None, role: BatchRole) -> None:
        batch, labels = images.take(indices)
        inputs, targets = augment(batch, labels, state.generator, mirrored)  # (batch,) or, mixed, (batch, classes)
        inputs = shrink(inputs, role.side)
        # No weight is used twice in a step, so keeping its copy in the lower precision would save nothing.
        with torch.autocast(inputs.device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False):
            logits = network(inputs)  # (batch, classes)
        logits = logits.float()
        loss = F.cross_entropy(logits, targets, label_smoothing=spec.train.label_smoothing)
        (loss * role.share).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            # A mixed image counts as its heavier class.
            heaviest = targets if targets.ndim == 1 else targets.argmax(1)
            right = (logits.argmax(1) == heaviest).sum()
            totals.add_(torch.stack([loss.detach() * len(labels), right.to(loss.dtype)]))
        if role.ends_group:
            before = norms.begin() if norms and role.is_measured else None
            if clip_norm > 0:
                nn.utils.clip_grad_norm_(parameters, clip_norm)
            optimizer.step()
            if norms and before:
                norms.end(before)
            # A graph adds to gradients that stay where they are.
            optimizer.zero_grad(set_to_none=inputs.device.type != "cuda")
            if lookahead is not None and role.pulls_back:
                lookahead.pull_back()
            if lookahead is not None and role.falls_back:
                lookahead.fall_back()
            if average is not None:
                update_average(average, model, spec.train.ema_decay)

    return step
