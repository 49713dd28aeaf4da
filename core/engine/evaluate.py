"""Loss, accuracy and logits of a network over a whole set of images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.engine.augment import normalize
from core.engine.data import Data, ImageSet
from core.spec import TestViews, TrainSpec


@dataclass(frozen=True)
class Scores:
    """`loss` is the mean cross-entropy, without smoothing; `accuracy` is 0 to 1; `logits` (images, classes), float32.

    Both are of these logits, which are stored as they are: so whatever is worked out from them later is the same
    figure. In float16, half the size, large logits would become equal, and a diverged network better than it is.
    """

    loss: float
    accuracy: float
    logits: np.ndarray


class Evaluation:
    """A pass over `part` without gradients, batch by batch: iterating does the work, `scores()` returns the result."""

    def __init__(
        self,
        model: nn.Module,
        part: ImageSet,
        data: Data,
        *,
        batch_size: int,
        dtype: torch.dtype,
        views: TestViews = "none",
    ) -> None:
        self.model, self.part, self.data = model, part, data
        self.batch_size, self.dtype, self.views = batch_size, dtype, views
        self.logits: list[Tensor] = []
        self.losses: list[Tensor] = []

    def __len__(self) -> int:
        return len(range(0, len(self.part), self.batch_size))

    def __iter__(self) -> Iterator[int]:
        """Yields how many images are done, after each batch; never waits for the device.

        The network stays in evaluation mode between them: setting it anew took up to 2 % of the time of small ones.
        """
        self.model.eval()
        for start in range(0, len(self.part), self.batch_size):
            stop = min(start + self.batch_size, len(self.part))
            self._score(self.part.images[start:stop], self.part.labels[start:stop])
            yield stop

    @torch.no_grad()
    def _score(self, images: Tensor, labels: Tensor) -> None:
        with torch.autocast(images.device.type, self.dtype, enabled=self.dtype != torch.float32):
            inputs = normalize(images, self.data.mean, self.data.std, self.dtype)
            logits = predict_views(self.model, inputs, self.views)  # (batch, classes)
        self.losses.append(F.cross_entropy(logits, labels, reduction="sum"))
        self.logits.append(logits)

    def scores(self) -> Scores:
        """Waits for the device. All batches must have been done. The loss is NaN if a logit is no finite number."""
        logits = torch.cat([part.cpu() for part in self.logits]).numpy()  # (images, classes)
        correct = int((logits.argmax(1) == self.part.labels.cpu().numpy()).sum())
        loss = torch.stack(self.losses).cpu().double().sum().item() / len(self.part)
        return Scores(loss if np.isfinite(logits).all() else math.nan, correct / len(self.part), logits)


def predict_views(model: nn.Module, inputs: Tensor, views: TestViews) -> Tensor:
    """Logits (b, classes), float32, of images (b, c, s, s), or their mean over views of each image.

    "mirror": as it is and mirrored. "mirror_shift": half of that, and half of both sides of two copies shifted by one
    pixel, up and left, down and right (the six views of Jordan 2024, arXiv:2404.00498).
    """
    match views:
        case "none":
            return model(inputs).float()  # type: ignore[no-any-return]
        case "mirror":
            return (model(inputs).float() + model(inputs.flip(-1)).float()) / 2  # type: ignore[no-any-return]
        case "mirror_shift":
            both = predict_views(model, inputs, "mirror")
            padded, size = F.pad(inputs, (1, 1, 1, 1), mode="reflect"), inputs.shape[-1]
            shifted = [padded[..., start : start + size, start : start + size] for start in (0, 2)]
            return (both + torch.stack([predict_views(model, copy, "mirror") for copy in shifted]).mean(0)) / 2
        case _:
            assert_never(views)


# How often the network sees an image, by its views.
NUM_VIEWS: dict[TestViews, int] = {"none": 1, "mirror": 2, "mirror_shift": 6}


def evaluation_batch(train: TrainSpec) -> int:
    """Images in a batch: without gradients, memory holds four times those of a training batch."""
    return max(train.batch_size, min(512, 4 * train.batch_size))


def evaluate(model: nn.Module, part: ImageSet, data: Data, *, batch_size: int, dtype: torch.dtype) -> Scores:
    """Scores of `model` on `part` in one go; `data` gives the mean and spread of the training images."""
    evaluation = Evaluation(model, part, data, batch_size=batch_size, dtype=dtype)
    for _ in evaluation:
        pass
    return evaluation.scores()
