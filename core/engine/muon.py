"""Muon: momentum whose update of every filter is made orthogonal.

Jordan et al. 2024, kellerjordan.github.io/posts/muon.

torch's own Muon takes matrices only, one at a time, and reads the learning rate on the host. Here a convolution's
weights are a matrix (out channels, in channels x filter), equal shapes go through one batched product, and the step
stays on the device, as a CUDA graph needs. Everything else (norms, biases, the linear layer) is left to AdamW.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic in Jordan's post
_SMALLEST_NORM = 1e-7


class Muon(Optimizer):
    """`filters`: (out, in, f, f) weights, which decay by `weight_decay`; `others`: parameter groups for AdamW.

    One learning rate serves both: an orthogonal update is scaled to the size AdamW's would have (Liu et al. 2025,
    arXiv:2502.16982). Weight decay is decoupled in both. `lr` may be a tensor on the device.

    `normalized` is the form of airbench94 (Jordan 2024, arXiv:2404.00498): before each update a weight is scaled to the
    norm sqrt(out), and an orthogonal update is taken as it is; the filters do not decay.
    """

    def __init__(
        self,
        filters: list[Tensor],
        others: list[dict[str, Any]],
        *,
        lr: float | Tensor,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        iterations: int,
        normalized: bool,
        **adamw: Any,
    ) -> None:
        first = {"params": filters, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        self._iterations, self._normalized = iterations, normalized
        # AdamW completes its groups in place, so that both optimizers hold the same ones.
        self._adamw = AdamW(others, lr=lr, **adamw)
        # "fused" lets `zero_grad` clear all gradients at once if they are kept.
        super().__init__([first, *self._adamw.param_groups], {"lr": lr, "fused": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of all weights that have a gradient; a closure is not called."""
        filters, *others = self.param_groups
        self._adamw.param_groups, self._adamw.state = others, self.state
        self._adamw.step()
        by_shape: dict[tuple[int, int], list[Tensor]] = {}
        for weight in filters["params"]:
            if weight.grad is not None:
                by_shape.setdefault((len(weight), weight[0].numel()), []).append(weight)
        for shape, weights in by_shape.items():
            self._update(filters, shape, weights)

    def _update(self, group: dict[str, Any], shape: tuple[int, int], weights: list[Tensor]) -> None:
        """Weights that are equal as matrices of `shape`, (out, in x filter)."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        buffers = [self._buffer(weight) for weight in weights]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        directions = torch._foreach_lerp(gradients, buffers, group["momentum"]) if group["nesterov"] else buffers
        rate = group["lr"]
        size = 1.0 if self._normalized else 0.2 * sqrt(max(shape))
        matrices = torch.stack([d.reshape(shape) for d in directions])
        scaled = orthogonalize(matrices, self._iterations) * (size * rate)
        for weight, change in zip(weights, scaled, strict=True):
            if self._normalized:
                weight.mul_(sqrt(shape[0]) / weight.norm().clamp(min=_SMALLEST_NORM))
            else:
                weight.mul_(1 - rate * group["weight_decay"])
            weight.sub_(change.view(weight.shape))

    def _buffer(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        return state["momentum_buffer"]  # type: ignore[no-any-return]


def orthogonalize(matrices: Tensor, iterations: int = 5) -> Tensor:
    """(n, rows, columns) -> same, float32: the nearest orthogonal matrices, by a few Newton-Schulz iterations.

    In bfloat16, as the singular values need to come near one only: they end between about 0.7 and 1.2.
    """
    a, b, c = _COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=_SMALLEST_NORM)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).float()
