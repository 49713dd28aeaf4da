"""RandAugment and TrivialAugment for whole batches: every image gets its own operation and its own strength.

Operations, strengths and fills are those of torchvision's `RandAugment` and `TrivialAugmentWide`. An operation that an
image did not draw is applied to it with the strength that changes nothing, so no shape depends on what was drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.engine.random import draw_integers
from core.spec import AugmentSpec

OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
# For these, half of the images draw a negative strength.
_SIGNED = OPERATIONS[1:10]
_BINS = 31
# ITU-R BT.601, to the digits that torchvision takes.
_LUMA = (0.2989, 0.587, 0.114)

Change = Callable[[Tensor, torch.Generator], Tensor]  # (b, c, s, s) bytes -> same


class RandomOperations:
    """The policy of an `AugmentSpec`: (b, c, s, s) bytes -> same, channels_last."""

    def __init__(self, spec: AugmentSpec) -> None:
        self.spec = spec
        self._table: Tensor | None = None

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count, device = len(images), images.device
        if self._table is None or self._table.device != device:
            self._table = strengths(self.spec.policy, images.shape[-1]).to(device)
        for _ in range(self.spec.randaugment_ops if self.spec.policy == "randaugment" else 1):
            operation = draw_integers(len(OPERATIONS), (count,), generator, device)
            if self.spec.policy == "randaugment":
                index = torch.full_like(operation, self.spec.randaugment_magnitude)
            else:
                index = draw_integers(_BINS, (count,), generator, device)
            sign = 1 - 2 * draw_integers(2, (count,), generator, device)
            signed = (operation >= OPERATIONS.index(_SIGNED[0])) & (operation <= OPERATIONS.index(_SIGNED[-1]))
            strength = self._table[operation, index] * torch.where(signed, sign, 1)
            images = apply_operations(images, operation, strength)
        return images


# By the name in a spec.
POLICIES: dict[str, Callable[[AugmentSpec], Change | None]] = {
    "none": lambda spec: None,
    "randaugment": RandomOperations,
    "trivialaugment": RandomOperations,
}


def strengths(policy: str, size: int) -> Tensor:
    """Strength of every operation at every magnitude from 0 to 30, for images of this side: (operations, 31).

    Source: torchvision's `RandAugment` (after Cubuk et al. 2019) and `TrivialAugmentWide` (Müller & Hutter 2021).
    """
    wide = policy == "trivialaugment"
    colour, shear = (0.99, 0.99) if wide else (0.9, 0.3)
    highest = {
        "shear_x": shear,
        "shear_y": shear,
        "translate_x": 32.0 if wide else 150 / 331 * size,
        "translate_y": 32.0 if wide else 150 / 331 * size,
        "rotate": 135.0 if wide else 30.0,
        **dict.fromkeys(("brightness", "color", "contrast", "sharpness"), colour),
    }
    rise = torch.linspace(0, 1, _BINS)
    table = {name: rise * value for name, value in highest.items()}
    table["posterize"] = (8 - rise * (6 if wide else 4)).round()  # bits that stay
    table["solarize"] = 1 - rise  # share of the brightest value, from which on it is inverted
    return torch.stack([table.get(name, torch.zeros(_BINS)) for name in OPERATIONS])


def apply_operations(images: Tensor, operation: Tensor, strength: Tensor) -> Tensor:
    """One operation for each image: (b, c, s, s) bytes, (b,) indices of `OPERATIONS`, (b,) strengths -> images."""
    x = images.to(torch.float32, memory_format=torch.channels_last)
    x = _move(x, operation, strength)
    x = _map_tones(x, operation, strength)
    x = _blend(x, operation, strength)
    return x.to(torch.uint8)


def _chosen(name: str, operation: Tensor, strength: Tensor) -> Tensor:
    """The strength where an image drew this operation, 0 elsewhere: (b,)."""
    return torch.where(operation == OPERATIONS.index(name), strength, 0.0)


def _move(x: Tensor, operation: Tensor, strength: Tensor) -> Tensor:
    """Shear (from the upper left corner), translation and rotation, by one look-up of the nearest pixels."""
    half = x.shape[-1] / 2
    shear_x, shear_y = _chosen("shear_x", operation, strength), _chosen("shear_y", operation, strength)
    right, down = _chosen("translate_x", operation, strength), _chosen("translate_y", operation, strength)
    angle = torch.deg2rad(_chosen("rotate", operation, strength))
    cos, sin = angle.cos(), angle.sin()
    # Where each pixel comes from, on a scale on which the image reaches from -1 to 1.
    theta = torch.stack(
        [cos, shear_x - sin, shear_x - right.trunc() / half, shear_y + sin, cos, shear_y - down.trunc() / half], dim=1
    ).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", padding_mode="zeros", align_corners=False)


def _map_tones(x: Tensor, operation: Tensor, strength: Tensor) -> Tensor:
    """Operations on single values: a table of 256 for each image and channel, then one look-up."""
    count, channels, size, _ = x.shape
    values = x.permute(0, 2, 3, 1).reshape(count, -1, channels).long()  # (b, s * s, c)
    tables = _tone_tables(x, values, strength.view(-1, 1, 1))
    table = torch.arange(256.0, device=x.device).view(1, 256, 1).expand(count, 256, channels)
    for name, changed in tables.items():
        table = torch.where((operation == OPERATIONS.index(name)).view(-1, 1, 1), changed, table)
    mapped = table.gather(1, values)  # (b, s * s, c)
    return mapped.view(count, size, size, channels).permute(0, 3, 1, 2)


def _tone_tables(x: Tensor, values: Tensor, strength: Tensor) -> dict[str, Tensor]:
    """`values`: (b, s * s, c), `strength`: (b, 1, 1) -> tables that go with (b, 256, c)."""
    levels = torch.arange(256.0, device=x.device).view(1, 256, 1)
    factor = 1 + strength
    mean = _grey(x).mean((1, 2, 3)).view(-1, 1, 1)
    step = 2 ** (8 - strength)
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)  # (b, 1, c)
    stretched = (levels - low) / ((high - low) / 255).clamp(min=1e-6)
    return {
        "brightness": (levels * factor).clamp(0, 255).floor(),
        "contrast": (levels * factor + mean * (1 - factor)).clamp(0, 255).floor(),
        "posterize": (levels / step).floor() * step,
        "solarize": torch.where(levels >= 255 * strength, 255 - levels, levels),
        "autocontrast": torch.where(high > low, stretched.clamp(0, 255).floor(), levels),
        "equalize": _equalizing_table(values),
    }


def _equalizing_table(values: Tensor) -> Tensor:
    """Pillow's histogram equalisation: (b, pixels, c) -> (b, 256, c)."""
    count, pixels, channels = values.shape
    ones = torch.ones(1, dtype=torch.int32, device=values.device).expand_as(values)
    histogram = torch.zeros(count, 256, channels, dtype=torch.int32, device=values.device).scatter_add_(1, values, ones)
    brightest = histogram.gather(1, values.amax(1, keepdim=True))  # (b, 1, c)
    step = (pixels - brightest) // 255
    below = histogram.cumsum(1) - histogram  # pixels darker than each level
    table = ((below + step // 2) // step.clamp(min=1)).clamp(0, 255)
    levels = torch.arange(256, device=values.device).view(1, 256, 1)
    return torch.where(step > 0, table, levels).float()


def _blend(x: Tensor, operation: Tensor, strength: Tensor) -> Tensor:
    """Colour blends with the grey image, sharpness with a blurred one; a positive strength leads away from it."""
    color = _chosen("color", operation, strength).view(-1, 1, 1, 1)
    sharpness = _chosen("sharpness", operation, strength).view(-1, 1, 1, 1)
    # Of the 3x3 weights the middle one is 5, the others 1, over 13; the border stays as it is. Added up by slices:
    # exact, and faster than pooling.
    inner = x[..., 1:-1, 1:-1]
    rows = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    blurred = x.clone(memory_format=torch.channels_last)
    blurred[..., 1:-1, 1:-1] = ((box + 4 * inner) / 13).round()
    return (x + color * (x - _grey(x)) + sharpness * (x - blurred)).clamp(0, 255).floor()


def _grey(x: Tensor) -> Tensor:
    """(b, c, s, s) -> (b, 1, s, s), whole numbers."""
    if x.shape[1] == 1:
        return x
    red, green, blue = x.unbind(1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).floor().unsqueeze(1)
