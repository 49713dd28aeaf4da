"""Filters that decorrelate the pixels of small patches, from the training images alone.

After airbench94 (Jordan 2024, arXiv:2404.00498), which has them from David Page's ResNet for DAWNBench.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.engine.augment import normalize
from core.engine.data import Data
from core.engine.model import ResNet

_MOST_IMAGES = 5_000
_CHUNK = 250
_SMALLEST_VARIANCE = 5e-4  # added to that of each direction


@torch.no_grad()
def fit_whitening(model: ResNet, data: Data) -> None:
    """Gives the stem its filters, each with both signs, from images that are evenly spread over the training part."""
    images = data.train
    indices = torch.linspace(0, len(images) - 1, min(len(images), _MOST_IMAGES)).long()
    inputs = normalize(images.take(indices.to(images.labels.device))[0], data.mean, data.std).cpu()
    weight = model.stem[0].weight
    assert isinstance(weight, Tensor)
    filters = whitening_filters(inputs, weight.shape[-1])
    weight.copy_(torch.cat([filters, -filters]))


def whitening_filters(inputs: Tensor, patch_size: int) -> Tensor:
    """Eigenvectors of the patches' second moments over the roots of their eigenvalues, largest first.

    (n, c, h, w) -> (c p^2, c, p, p). On the whole the patches of normalised images have a mean of zero.
    """
    channels = inputs.shape[1]
    size = channels * patch_size**2
    total, count = torch.zeros(size, size, dtype=torch.float64), 0
    for chunk in torch.split(inputs, _CHUNK):
        patches = F.unfold(chunk.double(), patch_size).transpose(0, 1).reshape(size, -1)  # (c p^2, n * positions)
        total += patches @ patches.T
        count += patches.shape[1]
    values, vectors = torch.linalg.eigh(total / count)  # rising
    filters = (vectors / (values + _SMALLEST_VARIANCE).sqrt()).T.flip(0)
    shaped: Tensor = filters.reshape(size, channels, patch_size, patch_size).float()
    return shaped


# By the name of a stem in a spec: what it takes from the training images before the first update.
STEM_FITS: dict[str, Callable[[ResNet, Data], None]] = {
    "convolution": lambda model, data: None,
    "whitening": fit_whitening,
}
