"""Named specs to start from, each with the reference it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.spec import RunSpec
from core.spec.parse import parse_spec


@dataclass(frozen=True)
class Preset:
    """A named spec; `source` cites where its numbers are from, `note` says what was decided where it is silent."""

    name: str
    title: str
    source: str
    note: str
    spec: RunSpec


_CROP_FLIP = {"crop_padding": 4, "flip": True}
_FAST_AUGMENT = {**_CROP_FLIP, "crop_mode": "reflect", "flip_order": "alternating"}


def _preset(
    name: str,
    title: str,
    source: str,
    note: str,
    *,
    model: dict[str, Any],
    train: dict[str, Any],
    augment: dict[str, Any] = _CROP_FLIP,
    dataset: str = "cifar10",
) -> Preset:
    sections = {"model": model, "data": {"dataset": dataset}, "augment": augment, "train": train}
    return Preset(name, title, source, note, parse_spec(sections))


def _model(
    stem_channels: int, channels: list[int], blocks: list[int], pool_size: int, first_stride: int = 1, **other: Any
) -> dict[str, Any]:
    layers = [{"channels": c, "blocks": b} for c, b in zip(channels, blocks, strict=True)]
    layers[0]["stride"] = first_stride
    return {"stem_channels": stem_channels, "layers": layers, "pool_size": pool_size, **other}


_PREACT_SE_20X4 = _model(64, [64, 128, 256], [3, 3, 3], 8, block="preactivation", attention="se")
_MUON = {
    "optimizer": "muon",
    "learning_rate": 4e-3,
    "momentum": 0.95,
    "weight_decay": 0.05,
    "schedule": "linear",
    "warmup_epochs": 1.0,
    "label_smoothing": 0.1,
    "test_views": "mirror_shift",
}
_SGD = {"optimizer": "sgd", "nesterov": False, "learning_rate": 0.1, "decay_norms_biases": True}
_SGD_COSINE = {**_SGD, "weight_decay": 5e-4, "epochs": 200}
_SGD_HE = {
    **_SGD,
    "weight_decay": 1e-4,
    "batch_size": 128,
    "epochs": 182,
    "schedule": "step",
    "decay_factor": 0.1,
    "milestones": [91, 136],
}
_SGD_NESTEROV = {"optimizer": "sgd", "weight_decay": 5e-4, "label_smoothing": 0.1}

_WHITENED_SOURCE = (
    "Ours, after airbench94 with Muon: Jordan 2024, arXiv:2404.00498 and github.com/KellerJordan/cifar10-airbench "
    "(whitening stem, max pooling, Muon on normalised filters, alternating flips, shifts, views)."
)
_WHITENED_TRAIN = {
    "batch_size": 500,
    "optimizer": "muon",
    "learning_rate": 0.2,
    "momentum": 0.6,
    "muon_iterations": 3,
    "muon_normalized": True,
    "bias_rate": 0.4,
    "head_rate": 0.02,
    "weight_decay": 0.0,
    "schedule": "linear",
    "label_smoothing": 0.2,
    "grow_images": True,
    "first_side": 16,
    "growth_steps": 2,
    "test_views": "mirror_shift",
}
_SHIFT_2 = {**_FAST_AUGMENT, "crop_padding": 2}


def _whitened(*channels: int) -> dict[str, Any]:
    return {
        "stem": "whitening",
        "layers": [{"channels": each, "blocks": 1, "stride": 2} for each in channels],
        "block": "single",
        "layer_start": "convolution",
        "downsampling": "max",
        "activation": "gelu",
        "norm_scale": False,
        "norm_momentum": 0.4,
        "norm_epsilon": 1e-12,
        "pool_kind": "max",
        "pool_size": 3,
        "head_bias": False,
    }


_ALL = [
    _preset(
        "first-look",
        "First look",
        "Digits: E. Alpaydin and C. Kaynak (1998), UCI, as shipped with scikit-learn.",
        "A small network on 1,797 real images: a whole run in well under a minute on a laptop.",
        model=_model(16, [16, 32, 64], [1, 1, 1], 8, attention="se"),
        dataset="digits",
        augment={"crop_padding": 3, "flip": False},
        train={"epochs": 6, "batch_size": 64, "learning_rate": 3e-3, "weight_decay": 1e-4},
    ),
    _preset(
        "report",
        "The report",
        "Team DLEnthusiasts, student report: 84.098 % on the CIFAR-10 test images.",
        "The report names dropout without a rate: taken as 0. It gives three readings of its schedule (a period of 200 "
        "epochs, 50 cycles, a decay by 0.1): taken as cosine with a period of 200 epochs. Gradient accumulation is "
        "named without a count: taken as 1. Two blocks a layer.",
        model=_model(16, [32, 128, 256], [2, 2, 2], 4, attention="se"),
        train={
            "epochs": 20,
            "batch_size": 16,
            "optimizer": "adam",
            "learning_rate": 0.00037167893563643987,
            "weight_decay": 5e-4,
            "decay_norms_biases": True,
            "schedule": "cosine",
            "period_epochs": 200.0,
        },
    ),
    _preset(
        "resnet18",
        "ResNet-18",
        "He et al. 2015, arXiv:1512.03385, in the CIFAR form of github.com/kuangliu/pytorch-cifar.",
        "11,173,962 parameters: over the usual budget of 5 million.",
        model=_model(64, [64, 128, 256, 512], [2, 2, 2, 2], 4),
        train=_SGD_COSINE,
    ),
    *[
        _preset(
            f"resnet{6 * blocks + 2}",
            f"ResNet-{6 * blocks + 2}",
            "He et al. 2015, arXiv:1512.03385, section 4.2.",
            "The paper's skip connections pad with zeros (option A); these convolve (option B), which adds 2,752 "
            "parameters. 64,000 updates are 182 epochs of 45,000 images.",
            model=_model(16, [16, 32, 64], [blocks] * 3, 8),
            train=_SGD_HE,
        )
        for blocks in (3, 9)
    ],
    _preset(
        "efficient-resnet",
        "Efficient ResNet",
        "Thakur et al. 2023, arXiv:2306.12100: 96.04 % at the best test epoch.",
        "The authors' code also has Lookahead, one squeeze-and-excitation after the stem (580 of its 4,697,742 "
        "parameters) and gradients clipped at 0.1 value by value; none of them is here, and clipping the norm at 0.1 "
        "would be far stronger, so it is off.",
        model=_model(64, [64, 128, 256], [4, 4, 3], 8),
        train=_SGD_COSINE,
    ),
    _preset(
        "preact-se-20x4",
        "Pre-activation 20 x4 with SE",
        "He et al. 2016, arXiv:1603.05027; Hu et al. 2018, arXiv:1709.01507; "
        "recipe after github.com/hysts/pytorch_image_classification.",
        "Squeeze-and-excitation is an addition to the cited recipe; 10 warm-up epochs are ours.",
        model=_PREACT_SE_20X4,
        augment={**_CROP_FLIP, "cutout": 16},
        train={**_SGD_NESTEROV, "learning_rate": 0.2, "epochs": 200, "warmup_epochs": 10.0},
    ),
    _preset(
        "report-beaten",
        "The report, beaten",
        _WHITENED_SOURCE,
        "Half of the report's 20 epochs and 74 % of its parameters. Its results are in the README.",
        model=_whitened(64, 256, 256),
        augment=_SHIFT_2,
        train={**_WHITENED_TRAIN, "epochs": 10, "grown_after": 0.75},
    ),
    _preset(
        "report-in-minutes",
        "The report, in minutes",
        _WHITENED_SOURCE,
        "3.3 epochs, the first ones of small images, for a processor without a GPU. Its results are in the README.",
        model=_whitened(64, 128, 256),
        augment=_SHIFT_2,
        train={
            **_WHITENED_TRAIN,
            "epochs": 4,
            "last_epoch": 0.3,
            "grown_after": 0.65,
            "goal_accuracy": 0.84098,
        },
    ),
    _preset(
        "preact-muon-16",
        "Pre-activation with Muon, 16 epochs",
        "Ours, after airbench94: Jordan 2024, arXiv:2404.00498.",
        "A starting point for a GPU, where nobody has measured it yet. What it comes to on JPEG copies of the images, "
        "on a CPU, is in the README.",
        model=_model(64, [64, 256, 256], [1, 1, 1], 4, first_stride=2, block="preactivation"),
        augment=_SHIFT_2,
        train={**_MUON, "learning_rate": 0.02, "epochs": 16, "batch_size": 512, "label_smoothing": 0.2},
    ),
    _preset(
        "preact-se-50",
        "Pre-activation with SE, 50 epochs",
        "Ours, after airbench96: Jordan 2024, arXiv:2404.00498; squeeze-and-excitation: Hu et al. 2018, "
        "arXiv:1709.01507.",
        "A starting point for a GPU that nobody has measured yet.",
        model=_PREACT_SE_20X4,
        augment={**_FAST_AUGMENT, "cutout": 12},
        train={
            **_SGD_NESTEROV,
            "learning_rate": 0.5,
            "schedule": "linear",
            "warmup_epochs": 5.0,
            "epochs": 50,
            "batch_size": 512,
            "lookahead_steps": 5,
            "test_views": "mirror_shift",
        },
    ),
    _preset(
        "best-5m",
        "Best under 5 M",
        "Ours. CutMix: Yun et al. 2019, arXiv:1905.04899; cutout: DeVries & Taylor 2017, arXiv:1708.04552; "
        "squeeze-and-excitation: Hu et al. 2018, arXiv:1709.01507.",
        "A starting point for a GPU that nobody has measured yet; the published 96.55 to 96.89 % of pre-activation "
        "ResNet-20 x4 are what it has to beat.",
        model=_PREACT_SE_20X4,
        augment={**_FAST_AUGMENT, "cutmix": 1.0},
        train={
            **_SGD_NESTEROV,
            "learning_rate": 0.2,
            "schedule": "cosine",
            "warmup_epochs": 5.0,
            "epochs": 300,
            "batch_size": 128,
            "ema_decay": 0.999,
            "test_views": "mirror",
        },
    ),
]

PRESETS = {preset.name: preset for preset in _ALL}
# Names that promised what nobody has measured; links and commands may still have them.
_RENAMED = {"fast-94": "preact-muon-16", "fast-96": "preact-se-50"}


def find_preset(name: str) -> Preset:
    """The preset of this name, also of one that it had before. Raises KeyError."""
    return PRESETS[_RENAMED.get(name, name)]
