"""Hypothesis strategies for runs whose networks are built and run in milliseconds; `specs.py` draws any size."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from core.spec import RunSpec
from core.spec.fields import fields_of
from core.spec.parse import parse_spec
from tests.specs import odd


@st.composite
def run_specs(draw: st.DrawFn, max_layers: int = 4, max_size: int = 20, *, validated: bool = False) -> RunSpec:
    """A valid spec from anywhere in the space; only its network and images are kept small.

    `validated`: it always holds validation images out, as a study's has to.
    """
    image_size = draw(st.integers(8, max_size), label="image_size")
    choices = ("block", "norm", "activation", "attention", "pool_kind", "stem", "layer_start", "downsampling")
    chosen = {name: draw(_choice("model", name)) for name in choices}
    patch_size = draw(st.integers(1, 5))
    first_size = image_size - patch_size + 1 if chosen["stem"] == "whitening" else image_size
    layers, last_size = draw(_layers(first_size, max_layers, chosen["downsampling"] == "stride"))
    model = {
        "patch_size": patch_size,
        "norm_groups": draw(st.sampled_from([1, 2, 8, 32])),
        "norm_scale": draw(st.booleans()),
        "norm_momentum": draw(st.sampled_from([0.1, 0.4, 1.0])),
        "norm_epsilon": draw(st.sampled_from([1e-5, 1e-2])),
        "expansion": draw(st.sampled_from([1, 2, 4, 64])),
        "identity_filters": draw(st.booleans()),
        "head_bias": draw(st.booleans()),
        "head_scale": draw(st.sampled_from([1.0, 0.25])),
        "stem_channels": draw(_widths),
        "stem_filter": draw(odd(1, 7)),
        "layers": layers,
        "attention_reduction": draw(st.sampled_from([1, 2, 4, 16, 256])),
        "pool_size": draw(st.integers(1, last_size)),
        "dropout": draw(_shares),
        "block_dropout": draw(st.sampled_from([0.0, 0.3])),
        "stochastic_depth": draw(_shares),
        **chosen,
    }
    data, train = draw(_data(image_size)), draw(train_dicts())
    if not validated and train["schedule"] != "plateau" and draw(st.booleans()):
        data["val_fraction"] = 0.0
    return parse_spec({"model": model, "data": data, "augment": draw(_augment(image_size)), "train": train})


def _choice(section: str, name: str) -> st.SearchStrategy[str]:
    return next(st.sampled_from(field.choices) for field in fields_of(section) if field.name == name)


_widths = st.sampled_from([1, 2, 3, 4, 5, 8, 12, 16, 17, 24])
_shares = st.sampled_from([0.0, 0.1, 0.5, 0.95])


@st.composite
def _layers(draw: st.DrawFn, size: int, most: int, rounds_up: bool) -> tuple[list[dict[str, int]], int]:
    """Block layers that leave something of a map of side `size`, and the side of the last map."""
    layers = []
    for _ in range(draw(st.integers(1, most), label="layers")):
        stride = draw(st.integers(1, min(3, size)))
        size = (size - 1) // stride + 1 if rounds_up else size // stride
        layers.append(
            {
                "blocks": draw(st.integers(1, 3)),
                "channels": draw(_widths),
                "filter_size": draw(odd(1, 5)),
                "skip_kernel": draw(odd(1, 5)),
                "stride": stride,
            }
        )
    return layers, size


@st.composite
def _data(draw: st.DrawFn, image_size: int) -> dict[str, Any]:
    return {
        "dataset": draw(_choice("data", "dataset")),
        "folder": "images",
        "folder_classes": draw(st.integers(2, 20)),
        "image_size": image_size,
        "colour": draw(_choice("data", "colour")),
        "ground": draw(_choice("data", "ground")),
        "damaged": draw(_choice("data", "damaged")),
        "val_fraction": draw(st.sampled_from([0.01, 0.1, 0.5])),
        "split_seed": draw(st.integers(0, 2**31 - 1)),
        "max_train_images": draw(st.sampled_from([0, 1, 1000])),
    }


@st.composite
def _augment(draw: st.DrawFn, image_size: int) -> dict[str, Any]:
    return {
        "crop_padding": draw(st.integers(0, image_size - 1)),
        "crop_mode": draw(st.sampled_from(["zeros", "reflect"])),
        "flip": draw(st.booleans()),
        "flip_order": draw(_choice("augment", "flip_order")),
        "cutout": draw(st.integers(0, image_size)),
        "mixup": draw(st.sampled_from([0.0, 0.2, 1.0])),
        "cutmix": draw(st.sampled_from([0.0, 0.2, 1.0])),
        "policy": draw(_choice("augment", "policy")),
    }


@st.composite
def train_dicts(draw: st.DrawFn) -> dict[str, Any]:
    """A valid `train` section, as a dict."""
    epochs = draw(st.integers(1, 300))
    return {
        "epochs": epochs,
        "last_epoch": draw(st.sampled_from([1.0, 0.5, 0.3])),
        "batch_size": draw(st.integers(1, 512)),
        "accumulation": draw(st.integers(1, 4)),
        "optimizer": draw(_choice("train", "optimizer")),
        "learning_rate": draw(st.floats(1e-5, 1.0)),
        "momentum": draw(st.sampled_from([0.5, 0.9])),
        "nesterov": draw(st.booleans()),
        "schedule": draw(_choice("train", "schedule")),
        "warmup_epochs": draw(st.sampled_from([0.0, 0.1, 0.2]) | st.floats(0, (epochs - 0.7) * 0.9)),
        "period_epochs": draw(st.sampled_from([0.0, 0.5, 5.0, 400.0])),
        "final_rate": draw(st.sampled_from([0.0, 0.01, 1.0])),
        "decay_factor": draw(st.sampled_from([0.1, 0.5, 1.0])),
        "milestones": sorted(draw(st.sets(st.integers(1, 300), max_size=4))),
        "plateau_patience": draw(st.integers(1, 10)),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1])),
        "clip_norm": draw(st.sampled_from([0.0, 1.0])),
        "ema_decay": draw(st.sampled_from([0.0, 0.99])),
        "lookahead_steps": draw(st.sampled_from([0, 5])),
        "lookahead_share": draw(st.sampled_from([0.5, 0.774])),
        "lookahead_rises": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**31 - 1)),
    }
