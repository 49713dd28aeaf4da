"""A network and images so small that an epoch takes milliseconds, yet with every part of a training in it."""

from typing import Any

import torch

from core.engine.data import Data, ImageSet
from core.engine.events import EpochEnd, Finished, Stopped
from core.engine.train import train
from core.spec import RunSpec
from core.spec.parse import parse_spec

SIZE = 8
NUM_CLASSES = 10
PLAIN = {"crop_padding": 0, "flip": False}


def make_spec(
    *,
    model: dict[str, Any] | None = None,
    augment: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    **settings: Any,
) -> RunSpec:
    """Digits' spec on images of 8x8; `settings` are of the training."""
    layers = [{"channels": 4, "blocks": 1}, {"channels": 6, "blocks": 1}]
    small = {"stem_channels": 4, "layers": layers, "pool_size": 2}
    return parse_spec(
        {
            "model": small | (model or {}),
            "data": {"dataset": "digits", "image_size": SIZE} | (data or {}),
            "augment": PLAIN if augment is None else augment,
            "train": {"epochs": 2, "batch_size": 16, "precision": "float32", "device": "cpu"} | settings,
        }
    )


def make_images(count: int, seed: int) -> ImageSet:
    """Noise around a brightness that tells the class, so that there is something to learn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(NUM_CLASSES, (count,), generator=generator)
    noise = torch.randint(0, 100, (count, 3, SIZE, SIZE), generator=generator)
    images = (noise + 15 * labels[:, None, None, None]).to(torch.uint8)
    return ImageSet(images.contiguous(memory_format=torch.channels_last), labels)


def make_data(num_train: int = 70, num_val: int = 30, num_test: int = 40) -> Data:
    train, val, test = (make_images(count, seed) for seed, count in enumerate((num_train, num_val, num_test)))
    names = tuple(str(name) for name in range(NUM_CLASSES))
    return Data(train, val, test, names, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), fingerprint="toy")


def run(spec: RunSpec, data: Data, **options: Any) -> tuple[list[EpochEnd], Finished | Stopped]:
    """All epochs' ends and the last event."""
    events = list(train(spec, data, **options))
    return [event for event in events if isinstance(event, EpochEnd)], events[-1]
