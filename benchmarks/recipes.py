"""Short trainings that are recorded once, by `python -m benchmarks.recordings`: healthy ones, some made ill on purpose,
and a mixed lot whose curves a forecast is replayed on.

All are of small networks that train in seconds: scikit-learn's digits and photographs in 16 pixels.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.spec.settings import apply_settings

SEEDS_OF_ILLNESS = 4
PHOTOGRAPHS = "photographs"  # stands for the folder in what is kept

Settings = tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """One training; `illness` is the name of the rule that has to name it, `spoil` what is done to its images or its
    process, by its name in `benchmarks/recordings.py`."""

    name: str
    settings: Settings
    illness: str = ""
    spoil: str = ""

    def make_spec(self, folder: str = PHOTOGRAPHS) -> RunSpec:
        settings = [setting.replace(f"={PHOTOGRAPHS}", f"={folder}") for setting in self.settings]
        return parse_spec(apply_settings(_make_base(), settings))


def _make_base() -> dict[str, object]:
    layers = [{"channels": channels, "blocks": 1} for channels in (8, 16, 32)]
    return {
        "model": {"stem_channels": 8, "layers": layers, "pool_size": 4},
        "data": {"dataset": "digits", "image_size": 16},
        "augment": {"crop_padding": 1, "flip": False},
        "train": {"epochs": 12, "batch_size": 64, "learning_rate": 3e-3, "weight_decay": 5e-4, "layer_norms": True},
    }


def _train(**values: object) -> Settings:
    return tuple(f"train.{name}={value}" for name, value in values.items())


_WIDE = ("model.stem_channels=16", "model.layers[0].channels=16", "model.layers[1].channels=32")
_DEEP = ("model.layers[*].blocks=2",)
_ATTENTIVE = ("model.attention=se", "model.attention_reduction=4")
_PREACTIVATION = ("model.block=preactivation",)
_PHOTOS = (
    "data.dataset=folder",
    f"data.folder={PHOTOGRAPHS}",
    "data.cap_held_out=true",
    "data.val_fraction=0.2",
    "augment.flip=true",
    "augment.crop_padding=2",
)

# What is known to train well: optimizer, rate, batch and schedule as the presets and papers have them.
_HEALTHY: Sequence[Settings] = (
    (),
    _train(learning_rate=2e-3, epochs=16),
    _train(learning_rate=5e-3, batch_size=128),
    (*_WIDE, *_train(learning_rate=2e-3)),
    (*_DEEP, *_train(learning_rate=2e-3)),
    (*_ATTENTIVE, *_train(schedule="onecycle", learning_rate=5e-3)),
    (*_PREACTIVATION, *_train(learning_rate=3e-3)),
    _train(optimizer="adamw", learning_rate=3e-3, weight_decay=0.05),
    (*_WIDE, *_train(optimizer="adamw", learning_rate=2e-3, weight_decay=0.05, schedule="linear")),
    _train(optimizer="adamw", learning_rate=4e-3, weight_decay=0.01, warmup_epochs=2),
    _train(optimizer="sgd", learning_rate=0.1, batch_size=32),
    _train(optimizer="sgd", learning_rate=0.05, batch_size=32, epochs=16),
    (*_WIDE, *_train(optimizer="sgd", learning_rate=0.1, label_smoothing=0.1)),
    (*_PREACTIVATION, *_train(optimizer="sgd", learning_rate=0.1, batch_size=32, warmup_epochs=1)),
    _train(optimizer="sgd", learning_rate=0.1, batch_size=32, schedule="step", epochs=14),
    (*_WIDE, *_train(optimizer="sgd", learning_rate=0.2, schedule="onecycle", batch_size=32)),
    _train(optimizer="muon", learning_rate=5e-3, momentum=0.95, weight_decay=0.05, schedule="linear"),
    (*_WIDE, *_train(optimizer="muon", learning_rate=1e-2, momentum=0.95, weight_decay=0.05)),
    ("model.dropout=0.2", *_train(learning_rate=3e-3, ema_decay=0.99)),
    ("model.activation=silu", *_train(learning_rate=3e-3, batch_size=32, epochs=10)),
)


def list_healthy() -> list[Recipe]:
    """Twenty on which the rules' thresholds were set ("set"), and twenty of other seeds that hold them ("held")."""
    return [
        Recipe(f"{lot} {number}", (*settings, f"train.seed={number + offset}", f"data.split_seed={offset}"))
        for lot, offset in (("set", 0), ("held", 200))
        for number, settings in enumerate(_HEALTHY, 1)
    ]


_FEW_PHOTOS = (*_PHOTOS, "data.max_train_images=300", "augment.flip=false", "augment.crop_padding=0")
_WEAK = ("model.stem_channels=1", "model.layers[*].channels=2")

# By rule: each entry is trained with three seeds.
_ILL: dict[str, Sequence[tuple[Settings, str]]] = {
    "rate_too_high": (
        (_train(optimizer="sgd", learning_rate=5, batch_size=32), ""),
        (_train(optimizer="adam", learning_rate=0.5), ""),
    ),
    "rate_too_low": (
        (_train(optimizer="sgd", learning_rate=1e-4), ""),
        (_train(optimizer="adam", learning_rate=1e-5), ""),
    ),
    "dead_layers": (
        (_train(optimizer="adam", learning_rate=3e-2, weight_decay=1, decay_norms_biases="true"), ""),
        (_train(optimizer="sgd", learning_rate=0.1, weight_decay=0.5, decay_norms_biases="true"), ""),
    ),
    "exploding_layers": (
        (_train(optimizer="sgd", learning_rate=20, weight_decay=0, clip_norm=5, batch_size=32), ""),
        (_train(optimizer="adam", learning_rate=1, weight_decay=0), ""),
    ),
    "overfitting": (
        ((*_FEW_PHOTOS, *_WIDE, *_train(epochs=30, weight_decay=0, batch_size=32)), ""),
        ((*_FEW_PHOTOS, *_train(epochs=30, optimizer="sgd", learning_rate=0.05, weight_decay=0, batch_size=32)), ""),
    ),
    "underfitting": (
        ((*_WEAK, *_train(epochs=40, learning_rate=3e-2)), ""),
        ((*_WEAK, *_train(epochs=40, optimizer="sgd", learning_rate=0.2, batch_size=32)), ""),
    ),
    "plateau": (
        ((*_PHOTOS, "data.max_train_images=800", *_train(epochs=20, schedule="constant", learning_rate=0.03)), ""),
        (_train(epochs=25, optimizer="sgd", schedule="constant", learning_rate=1, batch_size=16), ""),
    ),
    "ends_early": (
        (_train(epochs=3, optimizer="adam", learning_rate=5e-4), ""),
        ((*_PHOTOS, "data.max_train_images=1500", *_train(epochs=5, learning_rate=1e-3)), ""),
    ),
    "tiny_batches": ((_train(batch_size=2, epochs=4, learning_rate=1e-3), ""),),
    "wrong_labels": (((), "swap labels"), (_train(optimizer="sgd", learning_rate=0.1, batch_size=32), "swap labels")),
    "unbalanced": (((), "starve classes"),),
    "few_validation_images": ((("data.val_fraction=0.02",), ""),),
    "idle": (((), "wait"),),
    "not_finite": (
        (_train(optimizer="sgd", learning_rate=100, clip_norm=0), ""),
        (_train(optimizer="sgd", learning_rate=100, momentum=0.99, batch_size=32), ""),
    ),
    "leaking_test": (((*_FEW_PHOTOS, *_train(epochs=15)), "leak"),),
}


def list_ill() -> list[Recipe]:
    return [
        Recipe(f"{illness} {number}.{seed}", (*settings, f"train.seed={seed}"), illness, spoil)
        for illness, entries in _ILL.items()
        for number, (settings, spoil) in enumerate(entries, 1)
        for seed in range(1, SEEDS_OF_ILLNESS + 1)
    ]


MIXED = 36  # of each kind of images


def list_digits() -> list[Recipe]:
    """As a day of trying brings them: optimizers, rates and sizes drawn at random."""
    dice = random.Random(17)
    return [_draw(number, dice, on_photos=False) for number in range(1, MIXED + 1)]


def list_photographs() -> list[Recipe]:
    dice = random.Random(18)
    return [_draw(number, dice, on_photos=True) for number in range(1, MIXED + 1)]


def _draw(number: int, dice: random.Random, *, on_photos: bool) -> Recipe:
    optimizer, rate = dice.choice((("adam", 3e-3), ("adamw", 3e-3), ("sgd", 0.1), ("muon", 5e-3)))
    values = {
        "optimizer": optimizer,
        "learning_rate": f"{rate * 10 ** dice.uniform(-1, 0.5):.3g}",
        "schedule": dice.choice(("cosine", "cosine", "cosine", "linear", "onecycle", "step", "constant")),
        "epochs": dice.choice((10, 12, 15, 20)),
        "batch_size": dice.choice((32, 64)),
        "layer_norms": "false",
        "seed": number,
    }
    images = dice.choice((500, 1000, 1600)) if on_photos else dice.choice((60, 120, 250, 600))
    shape = dice.choice(((), _WIDE, _DEEP, _ATTENTIVE, _PREACTIVATION))
    data = (*_PHOTOS, "data.val_fraction=0.3") if on_photos else ("data.val_fraction=0.3",)
    name = f"{'photographs' if on_photos else 'digits'} {number}"
    return Recipe(name, (*data, f"data.max_train_images={images}", *shape, *_train(**values)))


FAMILIES = {"healthy": list_healthy, "ill": list_ill, "digits": list_digits, "photographs": list_photographs}
