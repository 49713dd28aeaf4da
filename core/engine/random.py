"""Random numbers for a device, drawn from one generator, whose saved state gives them again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def draw(shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Tensor:
    """Uniform from 0 to 1, drawn where the generator lives."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device).to(device, non_blocking=True)


def draw_integers(high: int, shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Tensor:
    """Uniform from 0 to high - 1, drawn where the generator lives."""
    drawn = torch.randint(high, tuple(shape), generator=generator, device=generator.device)
    return drawn.to(device, non_blocking=True)
