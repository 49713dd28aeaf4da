"""The network's part of a spec: N block layers, each with B blocks of C channels, and what stands around them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from core.spec.base import Problem, Strict, about, require_odd
from core.spec.parts import NARROWING_ATTENTION, Activation, Attention, Block, PoolKind

MAX_LAYERS = 12


class LayerSpec(Strict):
    """One block layer: B residual blocks of C channels; the first block carries the stride."""

    blocks: int = Field(2, ge=1, le=64, **about("Blocks", "Residual blocks in this layer.", symbol="B", basic=True))
    channels: int = Field(
        64, ge=1, le=4096, **about("Channels", "Channels of every block in this layer.", symbol="C", basic=True)
    )
    filter_size: Annotated[int, BeforeValidator(require_odd)] = Field(
        3,
        ge=1,
        le=15,
        **about("Filter", "Side of the square filters in the blocks; odd.", unit="px", symbol="F", basic=True),
    )
    skip_kernel: Annotated[int, BeforeValidator(require_odd)] = Field(
        1,
        ge=1,
        le=15,
        **about(
            "Skip kernel",
            "Side of the filter on the skip connection, where stride or channels change; odd.",
            unit="px",
            symbol="K",
            basic=True,
        ),
    )
    stride: int = Field(
        2,
        ge=1,
        le=4,
        **about(
            "Stride", "Step of the layer's first block: 2 halves the map. 1 for the first layer, 2 after.", unit="px"
        ),
    )


class ModelSpec(Strict):
    """The network: a stem, N block layers, pooling, dropout and one linear layer."""

    stem_channels: int = Field(
        64, ge=1, le=4096, **about("Stem channels", "Channels of the first convolution.", basic=True)
    )
    stem_filter: Annotated[int, BeforeValidator(require_odd)] = Field(
        3, ge=1, le=15, **about("Stem filter", "Side of the first convolution's filters; odd.", unit="px")
    )
    layers: Annotated[tuple[LayerSpec, ...], Field(strict=False)] = Field(
        (
            LayerSpec(channels=32, stride=1),
            LayerSpec(channels=64),
            LayerSpec(channels=128),
        ),
        min_length=1,
        max_length=MAX_LAYERS,
        **about("Block layers", "One row a layer, from the image to the classifier.", symbol="N", basic=True),
    )
    block: Block = Field(
        "basic",
        **about("Block", "Basic: activation after the sum (He et al. 2015). Pre-activation: before each convolution."),
    )
    activation: Activation = Field("relu", **about("Activation", "The non-linearity after each normalisation."))
    attention: Attention = Field(
        "none", **about("Attention", "Reweights the channels (CBAM: also the places) of each block.", basic=True)
    )
    attention_reduction: int = Field(
        16,
        ge=1,
        le=256,
        **about(
            "Attention reduction",
            "Squeeze-and-excitation and CBAM narrow the channels by this factor in between.",
            when={"attention": NARROWING_ATTENTION},
        ),
    )
    pool_kind: PoolKind = Field("average", **about("Pooling", "How the last map is reduced before the classifier."))
    pool_size: int = Field(
        4,
        ge=1,
        le=256,
        **about("Pool size", "Side of the pooling window, and its stride.", unit="px", symbol="P", basic=True),
    )
    dropout: float = Field(
        0.0, ge=0, le=0.95, **about("Dropout", "Share of features dropped before the linear layer.", basic=True)
    )
    stochastic_depth: float = Field(
        0.0,
        ge=0,
        le=0.95,
        **about(
            "Stochastic depth",
            "Chance to skip the last block in training; earlier blocks less, linearly (Huang et al. 2016).",
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def fill_strides(cls, data: Any) -> Any:
        """A layer that names no stride gets 1 if it is the first, 2 otherwise."""
        if not isinstance(data, dict) or not isinstance(data.get("layers"), list | tuple):
            return data
        if len(data["layers"]) > MAX_LAYERS:
            # Before each of perhaps thousands of entries is looked at and complained of.
            raise Problem("model.layers", data["layers"], f"must have at most {MAX_LAYERS} entries")
        layers = [
            {"stride": 1 if place == 0 else 2, **layer} if isinstance(layer, dict) else layer
            for place, layer in enumerate(data["layers"])
        ]
        return {**data, "layers": layers}


def map_sizes(model: ModelSpec, image_size: int) -> list[int]:
    """Side of the map, in pixels: before the first block layer, then after each one."""
    sizes = [image_size]
    for layer in model.layers:
        # Padding of half an odd filter keeps the size, so only the stride counts.
        sizes.append((sizes[-1] - 1) // layer.stride + 1)
    return sizes
