"""How far images are from those of the training: by the features that a network's last layer sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.data.store import DataError
from core.engine.augment import normalize
from core.engine.data import Data, ImageSet
from core.engine.evaluate import evaluation_batch
from core.engine.examine import Network, in_sentences, load_network
from core.engine.preview import load_kept
from core.helper.questions import WeightsFile
from core.spec.cost import cost_of

# Of the training images, and of the validation images: so many, or fewer where a network takes long for each.
MOST, LEAST, MULTIPLY_ADDS = 1000, 50, 10**12


@dataclass(frozen=True)
class Reference:
    """What distances are measured from and in: `features` (images, width) of training images, spread over all.

    `scale` is the mean distance of validation images, `validation` (images,) theirs in that unit.
    """

    features: Tensor
    scale: float
    validation: npt.NDArray[np.float64]

    def measure(self, features: Tensor) -> npt.NDArray[np.float64]:
        """Distances of features (n, width) to the nearest of the training's: (n,), 1 is usual for validation images.

        After Sun et al. 2022 (arXiv:2204.06507), with one neighbour and features as they are: brought to one length,
        as there, noise with features ten times as long counts as usual.
        """
        return _nearest(features, self.features) / self.scale


def _nearest(features: Tensor, others: Tensor) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = torch.cdist(features, others).amin(1).double().numpy()
    return found


@lru_cache(maxsize=4)
def find_reference(weights: WeightsFile) -> Reference | None:
    """Of a run's own images; None where they are not at hand any more. Raises CheckpointError and SpecError."""
    network = load_network(weights)
    try:
        data = load_kept(network.spec.data)
    except DataError:
        return None
    if data.fingerprint != network.fingerprint or not len(data.val):
        return None
    most = min(MOST, max(LEAST, MULTIPLY_ADDS // cost_of(network.spec).multiply_adds))
    train, val = (_look(network, data, part, most) for part in (data.train, data.val))
    distances = _nearest(val, train)
    scale = float(distances.mean()) or 1.0
    return Reference(train, scale, distances / scale)


def _look(network: Network, data: Data, part: ImageSet, most: int) -> Tensor:
    """Features (n, width) of at most so many images, spread over the part."""
    indices = torch.linspace(0, len(part) - 1, min(most, len(part))).round().long()
    batches = torch.split(part.take(indices)[0], min(512, evaluation_batch(network.spec.train)))
    inputs = (normalize(batch, data.mean, data.std, network.dtype) for batch in batches)
    return torch.cat([ask(network, each)[1] for each in inputs])


@torch.no_grad()
def ask(network: Network, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (n, classes) and the features that the last layer sees (n, width), float32, of normalised images."""
    seen: list[Tensor] = []
    hook = network.model.linear.register_forward_pre_hook(lambda _, given: seen.append(given[0].float()))
    try:
        with torch.autocast("cpu", network.dtype, enabled=network.dtype != torch.float32):
            logits: Tensor = network.model(inputs).float()
    finally:
        hook.remove()
    return logits, seen[0]


def measure_validation(weights: Sequence[WeightsFile]) -> npt.NDArray[np.float64] | None:
    """Mean distances of validation images over several networks that share these; None where images are not at hand.

    Raises QuestionError.
    """
    with in_sentences():
        found = [reference.validation for each in weights if (reference := find_reference(each)) is not None]
        if len(found) < len(weights) or len({len(each) for each in found}) > 1:
            return None
        return np.asarray(np.mean(found, axis=0))
