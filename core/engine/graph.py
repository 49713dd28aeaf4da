"""The training step as CUDA graphs: captured once, then played back with one launch instead of hundreds.

At batch 16 a GPU spends most of a plain step waiting for the next launch. A graph holds addresses, not values: what
changes from batch to batch (indices of the images, learning rate, seeds) is copied to them. See docs.pytorch.org, "CUDA
semantics", section CUDA Graphs.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Plain steps of a kind before its capture: cuDNN searches its algorithms, the optimizer makes its moments.
_WARM_UP = 3
# Kinds of step that are captured: each holds memory of its own, and few are frequent.
_MOST_GRAPHS = 6
# Until 2.13 torch has to be told which generators a graph draws from; from 2.14 on it finds them, and warns if told.
_TELLS_GENERATORS = torch.__version__ < "2.14"
# Until 2.12 a capture that breaks off leaves its generators in it.
_LEAVES_GENERATORS = torch.__version__ < "2.13"


@dataclass(frozen=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    indices: Tensor
    mirrored: Tensor | None

    def play(self, indices: Tensor, mirrored: Tensor | None) -> None:
        self.indices.copy_(indices)
        if self.mirrored is not None and mirrored is not None:
            self.mirrored.copy_(mirrored)
        self.graph.replay()


class GraphedStep:
    """Calls like the plain step it wraps, with the same results; what cannot be captured is done plainly.

    A kind of step is its batch size and its role among the batches. The reason for a failed capture is logged.
    """

    def __init__(self, step: Callable[[Tensor, Tensor | None, Any], None], generator: torch.Generator) -> None:
        self._step, self._generator = step, generator
        self._seen: Counter[Hashable] = Counter()
        self._captured: dict[Hashable, _Captured] = {}
        self._stream = torch.cuda.Stream(generator.device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._may_capture = True

    def __call__(self, indices: Tensor, mirrored: Tensor | None, role: Hashable) -> None:
        kind = (len(indices), role)
        if kind not in self._captured and self._is_due(kind):
            self._capture(kind, indices, mirrored)
        if kind in self._captured:
            self._captured[kind].play(indices, mirrored)
        else:
            self._run_plainly(indices, mirrored, role)

    def _is_due(self, kind: Hashable) -> bool:
        self._seen[kind] += 1
        return self._may_capture and self._seen[kind] > _WARM_UP and len(self._captured) < _MOST_GRAPHS

    def _run_plainly(self, indices: Tensor, mirrored: Tensor | None, role: Any) -> None:
        """A plain step on the stream of the captures, so that gradients are bound to no other one."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._step(indices, mirrored, role)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _capture(self, kind: tuple[int, Any], indices: Tensor, mirrored: Tensor | None) -> None:
        """Records the step without running it."""
        _, role = kind
        fixed = _Captured(torch.cuda.CUDAGraph(), indices.clone(), None if mirrored is None else mirrored.clone())
        if _TELLS_GENERATORS:
            fixed.graph.register_generator_state(self._generator)
        try:
            with torch.cuda.graph(fixed.graph, pool=self._pool, stream=self._stream):
                self._step(fixed.indices, fixed.mirrored, role)
        except RuntimeError as error:
            self._may_capture = False
            torch.cuda.synchronize()
            if _LEAVES_GENERATORS:
                _release(self._generator)
                _release(torch.cuda.default_generators[self._generator.device.index or 0])
            # The end of a broken capture raises an error of its own over the one that broke it.
            reason = str(error.__context__ or error).partition("\n")[0]
            logging.getLogger(__name__).warning("Training goes on without CUDA graphs: %s", reason)
        else:
            self._captured[kind] = fixed


def _release(generator: torch.Generator) -> None:
    """Gives it a state that no capture holds; it is seeded before every batch, so no number is lost."""
    fresh = torch.Generator(generator.device).manual_seed(generator.initial_seed())
    generator.graphsafe_set_state(fresh)
