"""Norms of each layer's weights, gradient and update, by which a dead or an exploding layer is seen; measured once an
epoch, on the device and without a wait."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.engine.events import Metrics


class LayerNorms:
    """Of every weight with more than one dimension: convolutions and linear layers, not what normalises or shifts.

    `begin` is called between backward pass and update, `end` after the update. Both only read, so training is the same
    with and without them.
    """

    def __init__(self, model: nn.Module) -> None:
        named = {
            name.removesuffix(".weight"): value
            for name, value in model.named_parameters()
            if value.ndim > 1 and value.requires_grad
        }
        self.names = list(named)
        self.weights: list[Tensor] = list(named.values())
        # By norm and layer, (3, layers): of the weights, of the gradient, and of the update as a share of the weights.
        self.found = torch.full((3, len(named)), torch.nan, device=self.weights[0].device)

    @torch.no_grad()
    def begin(self) -> list[Tensor]:
        """A copy of the weights, for `end`."""
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in self.weights]
        for row, tensors in enumerate((self.weights, gradients)):
            self.found[row].copy_(torch.stack(torch._foreach_norm(tensors)))
        return [weight.clone() for weight in self.weights]

    @torch.no_grad()
    def end(self, before: list[Tensor]) -> None:
        updates = torch._foreach_sub(self.weights, before)
        self.found[2].copy_(torch.stack(torch._foreach_norm(updates)) / self.found[0])

    def read(self) -> Metrics:
        """As columns of the metrics; waits for the device."""
        kinds = ("weights", "gradients", "updates")
        return {
            f"norms/{name}/{kind}": value
            for kind, values in zip(kinds, self.found.tolist(), strict=True)
            for name, value in zip(self.names, values, strict=True)
        }
