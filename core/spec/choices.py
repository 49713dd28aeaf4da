"""The choices that a spec offers by name, and what a person reads for each."""

from __future__ import annotations

from typing import Any, Literal, get_args

Attention = Literal["none", "se", "eca", "cbam"]
Block = Literal["basic", "preactivation"]
Activation = Literal["relu", "silu", "gelu", "leaky_relu", "mish"]
PoolKind = Literal["average", "max", "gem"]
Dataset = Literal["digits", "cifar10", "cifar100", "folder"]
Policy = Literal["none", "randaugment", "trivialaugment"]
Optimizer = Literal["sgd", "adam", "adamw", "muon"]
Schedule = Literal["cosine", "onecycle", "step", "plateau", "linear", "constant"]
TestViews = Literal["none", "mirror", "mirror_shift"]
Precision = Literal["auto", "float32", "bfloat16"]
Compile = Literal["off", "auto", "on"]

# What a person reads for each choice; the key is what is stored.
CHOICE_LABELS = {
    "none": "None",
    "se": "Squeeze-and-excitation",
    "eca": "Efficient channel attention",
    "cbam": "CBAM",
    "basic": "Basic",
    "preactivation": "Pre-activation",
    "relu": "ReLU",
    "silu": "SiLU",
    "gelu": "GELU",
    "leaky_relu": "Leaky ReLU",
    "mish": "Mish",
    "average": "Average",
    "max": "Max",
    "gem": "Generalised mean",
    "digits": "Digits (built in)",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "folder": "Image folder",
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


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The values of a `Literal` annotation, or nothing."""
    return tuple(value for value in get_args(annotation) if isinstance(value, str))
