"""Augmentation of whole batches on their device: every image draws for itself, and nothing waits for the device.

Everything random comes from the generator that is passed in, so its saved state gives the same batch again. The host
reads no value, and no shape depends on one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from core.engine.policies import POLICIES
from core.engine.random import draw, draw_integers
from core.spec import AugmentSpec
from core.stats.betas import quantile_table


def normalize(
    images: Tensor, mean: Sequence[float], std: Sequence[float], dtype: torch.dtype = torch.float32
) -> Tensor:
    """(b, c, s, s) bytes -> (value / 255 - mean) / std, same shape, channels_last."""
    scale, shift = _scale_and_shift(tuple(mean), tuple(std), images.device)
    floats = images.to(torch.float32, memory_format=torch.channels_last)
    return torch.addcmul(shift, floats, scale).to(dtype)


@lru_cache(maxsize=16)
def _scale_and_shift(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    # Kept, as sending them to the device would make every batch wait for it.
    scale = torch.tensor([1 / (255 * s) for s in std], device=device)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=device)
    return scale.view(1, -1, 1, 1), shift.view(1, -1, 1, 1)


class Augment:
    """Turns bytes and labels into what the network trains on; the device follows the images."""

    def __init__(
        self,
        augment: AugmentSpec,
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.spec, self.num_classes, self.dtype = augment, num_classes, dtype
        self.mean, self.std = tuple(mean), tuple(std)
        self._mixup = beta_quantiles(augment.mixup) if augment.mixup else None
        self._cutmix = beta_quantiles(augment.cutmix) if augment.cutmix else None
        self._policy = POLICIES[augment.policy](augment)

    def __call__(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, mirrored: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(b, c, s, s) bytes, (b,) classes -> the same normalised, and (b,) classes, or (b, classes) if mixed.

        `mirrored` (b,) bool: which images are flipped, if the flip is on; without it a coin is drawn for each.
        """
        spec = self.spec
        if spec.flip and mirrored is None:
            mirrored = draw_integers(2, (len(images),), generator, images.device).bool()
        if spec.crop_padding or spec.flip:
            images = crop_and_flip(
                images, spec.crop_padding, spec.crop_mode, mirrored if spec.flip else None, generator
            )
        if self._policy:
            images = self._policy(images, generator)
        x = normalize(images, self.mean, self.std)
        if spec.cutout:
            x = cutout(x, spec.cutout, generator)
        if not (spec.mixup or spec.cutmix):
            return x.to(self.dtype), labels
        # Sent to the device once, at the first batch.
        self._mixup = self._mixup if self._mixup is None else self._mixup.to(x.device)
        self._cutmix = self._cutmix if self._cutmix is None else self._cutmix.to(x.device)
        x, targets = mix(x, labels, self.num_classes, self._mixup, self._cutmix, generator)
        return x.to(self.dtype), targets


def shrink(x: Tensor, side: int) -> Tensor:
    """Each pixel becomes the mean of the area that it covers: (b, c, s, s) -> (b, c, side, side); 0 leaves it."""
    return F.adaptive_avg_pool2d(x, side) if side else x


def crop_and_flip(
    images: Tensor, padding: int, mode: str, mirrored: Tensor | None, generator: torch.Generator
) -> Tensor:
    """Pads, crops each image at its own offset, mirrors where `mirrored` (b,): (b, c, s, s) -> same, channels_last."""
    count, channels, size, _ = images.shape
    device = images.device
    rows = torch.arange(size, device=device).expand(count, size)
    columns = rows
    if mirrored is not None:
        columns = torch.where(mirrored[:, None], size - 1 - rows, rows)
    if padding:
        moved = draw_integers(2 * padding + 1, (2, count, 1), generator, device)  # 0 to twice the padding
        rows, columns = rows + moved[0], columns + moved[1]
    pixels = images.permute(0, 2, 3, 1)  # (b, s, s, c): one pixel is one row to copy
    side = size
    if padding and mode == "zeros":
        pixels = F.pad(pixels, (0, 0, padding, padding, padding, padding))
        side = size + 2 * padding
    elif padding:
        rows, columns = _reflect(rows - padding, size), _reflect(columns - padding, size)
    first = torch.arange(count, device=device).view(count, 1, 1) * side
    indices = (first + rows[:, :, None]) * side + columns[:, None, :]  # (b, s, s)
    chosen = pixels.reshape(-1, channels).index_select(0, indices.view(-1))
    return chosen.view(count, size, size, channels).permute(0, 3, 1, 2)


def _reflect(indices: Tensor, size: int) -> Tensor:
    """Mirrors indices outside 0..size-1 at the outer pixels, which are not repeated."""
    indices = indices.abs()
    return (size - 1) - ((size - 1) - indices).abs()


def cutout(x: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Sets a square of each normalised image to 0, the mean colour (DeVries & Taylor 2017): (b, c, s, s) -> same.

    As in the paper the centre may lie anywhere, so the border clips some squares.
    """
    size = x.shape[-1]
    starts = draw_integers(size, (2, len(x), 1), generator, x.device) - side // 2
    indices = torch.arange(size, device=x.device)
    inside = (indices >= starts) & (indices < starts + side)  # (2, b, s)
    square = inside[0, :, None, :, None] & inside[1, :, None, None, :]  # (b, 1, s, s)
    return x * ~square


def beta_quantiles(alpha: float) -> Tensor:
    """Beta(alpha, alpha) as a table: a uniform index draws from the distribution, on any device."""
    return torch.from_numpy(quantile_table(alpha))


def mix(
    x: Tensor, labels: Tensor, num_classes: int, mixup: Tensor | None, cutmix: Tensor | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """MixUp (Zhang et al. 2017) or CutMix (Yun et al. 2019) with a partner from the batch, each image by itself.

    `mixup`, `cutmix`: the table of quantiles of each that is on; with both, a coin decides for each image.
    (b, c, s, s), (b,) -> (b, c, s, s), (b, classes), whose rows add up to 1.
    """
    partner = draw((len(x),), generator, x.device).argsort()
    kept = _draw_kept(x, mixup, cutmix, generator)  # (b, 1, s, s) or (b, 1, 1, 1)
    mixed = kept * x + (1 - kept) * x.index_select(0, partner)
    share = kept.mean((1, 2, 3))[:, None]  # (b, 1)
    own, other = (_one_hot(classes, num_classes) for classes in (labels, labels.index_select(0, partner)))
    return mixed, share * own + (1 - share) * other


def _draw_kept(x: Tensor, mixup: Tensor | None, cutmix: Tensor | None, generator: torch.Generator) -> Tensor:
    """How much of each image stays, pixel by pixel."""
    kept = []
    if mixup is not None:
        kept.append(_draw_shares(mixup, len(x), generator).view(-1, 1, 1, 1))
    if cutmix is not None:
        kept.append(_keep_outside_box(_draw_shares(cutmix, len(x), generator), x.shape[-1], generator))
    if len(kept) == 1:
        return kept[0]
    return torch.where(draw((len(x), 1, 1, 1), generator, x.device) < 0.5, kept[0], kept[1])


def _draw_shares(quantiles: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return quantiles[draw_integers(len(quantiles), (count,), generator, quantiles.device)]  # (b,)


def _keep_outside_box(shares: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """1 where the image stays, 0 in a box of the area 1 - share around a random centre: (b,) -> (b, 1, s, s)."""
    half = (size * (1 - shares).sqrt() / 2)[:, None]
    centre = draw((2, len(shares), 1), generator, shares.device) * size
    pixels = torch.arange(size, device=shares.device) + 0.5
    inside = (pixels >= centre - half) & (pixels < centre + half)  # (2, b, s)
    return (~(inside[0, :, None, :, None] & inside[1, :, None, None, :])).float()


def _one_hot(labels: Tensor, num_classes: int) -> Tensor:
    # F.one_hot reads the largest label back to the host.
    return torch.zeros(len(labels), num_classes, device=labels.device).scatter_(1, labels[:, None], 1.0)
