"""The choices that a spec offers by name, and what a person reads for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from core.spec.parts import PART_LABELS

Dataset = Literal["digits", "cifar10", "cifar100", "fashionmnist", "svhn", "folder"]
Colour = Literal["rgb", "grey"]
Ground = Literal["white", "grey", "black"]  # their values are in `core/data/decoding.py`
Damaged = Literal["refuse", "leave_out"]
Policy = Literal["none", "randaugment", "trivialaugment"]
Optimizer = Literal["sgd", "adam", "adamw", "muon"]
Schedule = Literal["cosine", "onecycle", "step", "plateau", "linear", "constant"]
TestViews = Literal["none", "mirror", "mirror_shift"]
Precision = Literal["auto", "float32", "bfloat16"]
Compile = Literal["off", "auto", "on"]

# Numbers that an optimizer keeps for every weight, given its momentum: Adam two moments.
OPTIMIZER_COPIES: dict[str, Callable[[float], int]] = {
    "sgd": lambda momentum: int(momentum > 0),
    "adam": lambda momentum: 2,
    "adamw": lambda momentum: 2,
    "muon": lambda momentum: 1,
}
# The choices under which a sibling field has an effect.
WITH_MOMENTUM = ["sgd", "muon"]
WITH_FINAL_RATE = ["cosine", "linear", "onecycle", "plateau"]
WITH_DECAY_FACTOR = ["step", "plateau"]

# What a person reads for each choice; the key is what is stored.
CHOICE_LABELS = {
    **PART_LABELS,
    "digits": "Digits (built in)",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "fashionmnist": "Fashion-MNIST",
    "svhn": "SVHN",
    "rgb": "RGB",
    "folder": "Image folder",
    "white": "White",
    "grey": "Grey",
    "black": "Black",
    "refuse": "Refuse",
    "leave_out": "Leave out",
    "randaugment": "RandAugment",
    "trivialaugment": "TrivialAugment",
    "zeros": "Zeros",
    "reflect": "Reflect",
    "sgd": "SGD with momentum",
    "adam": "Adam",
    "adamw": "AdamW",
    "muon": "Muon",
    "random": "At random",
    "alternating": "Alternating",
    "cosine": "Cosine",
    "onecycle": "One cycle",
    "step": "Step decay",
    "plateau": "On plateau",
    "linear": "Linear",
    "constant": "Constant",
    "mirror": "Mirror",
    "mirror_shift": "Mirror and shift",
    "auto": "Auto",
    "off": "Off",
    "on": "On",
    "float32": "float32",
    "bfloat16": "bfloat16",
}

# The classes of each data set; None if they are counted in the chosen folder.
DATASET_CLASSES: dict[Dataset, int | None] = {
    "digits": 10,
    "cifar10": 10,
    "cifar100": 100,
    "fashionmnist": 10,
    "svhn": 10,
    "folder": None,
}
# Data sets that always bring test images of their own.
WITH_TEST_IMAGES: tuple[Dataset, ...] = ("cifar10", "cifar100", "fashionmnist", "svhn")
# Data sets of which a mirrored image shows no image of its class: written numbers.
UNMIRRORED: tuple[Dataset, ...] = ("digits", "svhn")
# How many channels an image has.
COLOUR_CHANNELS: dict[Colour, int] = {"rgb": 3, "grey": 1}


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The values of a `Literal` annotation, or nothing."""
    return tuple(value for value in get_args(annotation) if isinstance(value, str))
