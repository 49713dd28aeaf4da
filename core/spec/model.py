"""The network's part of a spec: N block layers, each with B blocks of C channels, and what is around them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from core.spec.base import Odd, Problem, Strict, number, setting
from core.spec.parts import (
    NARROWING_ATTENTION,
    NORMALISING,
    WITH_INNER_DROPOUT,
    Activation,
    Attention,
    Block,
    Downsampling,
    LayerStart,
    Norm,
    PoolKind,
    Stem,
)

MAX_LAYERS = 12


class LayerSpec(Strict):
    """One block layer: B residual blocks of C channels; the first block carries the stride."""

    blocks: int = number(2, (1, 64), "Blocks", "Residual blocks in this layer.", symbol="B", basic=True)
    channels: int = number(64, (1, 4096), "Channels", "Channels of every block in this layer.", symbol="C", basic=True)
    filter_size: Odd = number(
        3, (1, 15), "Filter", "Side of the square filters in the blocks; odd.", unit="px", symbol="F", basic=True
    )
    skip_kernel: Odd = number(
        1,
        (1, 15),
        "Skip kernel",
        "Side of the filter on the skip connection, where stride or channels change; odd.",
        unit="px",
        symbol="K",
        basic=True,
    )
    stride: int = number(
        2,
        (1, 4),
        "Stride",
        "Step of the layer's first block: 2 halves the map. 1 for the first layer, 2 after.",
        unit="px",
    )


class ModelSpec(Strict):
    """The network: a stem, N block layers, pooling, dropout and one linear layer."""

    stem: Stem = setting(
        "convolution",
        "Stem",
        "Patch whitening: fixed filters that decorrelate the pixels of small patches, taken from the training images, "
        "each with both signs (Jordan 2024).",
    )
    stem_channels: int = number(
        64,
        (1, 4096),
        "Stem channels",
        "Channels of the first convolution.",
        basic=True,
        when={"stem": ["convolution"]},
    )
    stem_filter: Odd = number(
        3,
        (1, 15),
        "Stem filter",
        "Side of the first convolution's filters; odd.",
        unit="px",
        when={"stem": ["convolution"]},
    )
    patch_size: int = number(
        2,
        (1, 5),
        "Patch size",
        "Side of the whitened patches: 6 channels for each of their pixels, 2 where images are grey.",
        unit="px",
        when={"stem": ["whitening"]},
    )
    layers: Annotated[tuple[LayerSpec, ...], Field(strict=False)] = setting(
        (LayerSpec(channels=32, stride=1), LayerSpec(channels=64), LayerSpec(channels=128)),
        "Block layers",
        "One row a layer, from the image to the classifier.",
        min_length=1,
        max_length=MAX_LAYERS,
        symbol="N",
        basic=True,
    )
    block: Block = setting(
        "basic",
        "Block",
        "Basic: activation after the sum (He et al. 2015). Pre-activation: before each convolution. Single "
        "convolution: basic with one instead of two. Bottleneck: one of fewer channels between two of 1x1.",
    )
    expansion: int = number(
        4,
        (1, 64),
        "Expansion",
        "Channels of a block over those of its middle convolution; 4 in He et al. 2015.",
        when={"block": ["bottleneck"]},
    )
    layer_start: LayerStart = setting(
        "block",
        "Layers begin with",
        "Block: the first block changes channels and map size. Convolution: one of its own does, before the blocks.",
    )
    downsampling: Downsampling = setting(
        "stride",
        "Downsampling",
        "How a layer shrinks its map: by the stride of its first convolution, or by pooling that follows it (and "
        "precedes the skip convolution).",
    )
    identity_filters: bool = setting(
        False,
        "Identity filters",
        "Each convolution's first filters begin by passing a channel on as it is, the others at random (Jordan 2024).",
    )
    activation: Activation = setting("relu", "Activation", "The non-linearity after each normalisation.")
    norm: Norm = setting(
        "batch",
        "Normalisation",
        "Group: of each image by itself, so that small batches do no harm (Wu & He 2018). None: channels are only "
        "shifted, and each block's branch begins at zero, by a factor that is learnt (De & Smith 2020).",
    )
    norm_groups: int = number(
        32,
        (1, 4096),
        "Norm groups",
        "A map's channels are normalised in groups: at most so many, all of one size, of two channels or more.",
        when={"norm": ["group"]},
    )
    norm_scale: bool = setting(
        True, "Norm weights", "Off: normalisations only shift, their weights stay at one.", when={"norm": NORMALISING}
    )
    norm_momentum: float = number(
        0.1,
        (0.001, 1),
        "Norm momentum",
        "Share of a batch in the running mean and variance of normalisations.",
        when={"norm": ["batch"]},
    )
    norm_epsilon: float = number(
        1e-5,
        (1e-12, 0.1),
        "Norm epsilon",
        "Added to the variance that normalisations divide by.",
        log=True,
        when={"norm": NORMALISING},
    )
    attention: Attention = setting(
        "none", "Attention", "Reweights the channels (CBAM: also the positions) of each block.", basic=True
    )
    attention_reduction: int = number(
        16,
        (1, 256),
        "Attention reduction",
        "Squeeze-and-excitation and CBAM narrow the channels by this factor in between.",
        when={"attention": NARROWING_ATTENTION},
    )
    pool_kind: PoolKind = setting("average", "Pooling", "How the last map is reduced before the classifier.")
    pool_size: int = number(
        4, (1, 256), "Pool size", "Side of the pooling window, and its stride.", unit="px", symbol="P", basic=True
    )
    dropout: float = number(0.0, (0, 0.95), "Dropout", "Share of features dropped before the linear layer.", basic=True)
    block_dropout: float = number(
        0.0,
        (0, 0.95),
        "Dropout in blocks",
        "Share of values dropped before the last convolution of each block (Zagoruyko & Komodakis 2016).",
        when={"block": WITH_INNER_DROPOUT},
    )
    head_bias: bool = setting(True, "Head bias", "Whether the linear layer adds a bias.")
    head_scale: float = number(
        1.0, (1e-4, 1000), "Head scale", "The linear layer's logits are multiplied by this.", log=True
    )
    stochastic_depth: float = number(
        0.0,
        (0, 0.95),
        "Stochastic depth",
        "Chance to skip the last block in training; earlier blocks less, linearly (Huang et al. 2016).",
    )

    @model_validator(mode="before")
    @classmethod
    def fill_strides(cls, data: Any) -> Any:
        """A layer that names no stride gets 1 if it is the first, 2 otherwise."""
        if not isinstance(data, dict) or not isinstance(data.get("layers"), list | tuple):
            return data
        if len(data["layers"]) > MAX_LAYERS:
            # Checked before perhaps thousands of entries are each validated and reported.
            raise Problem("model.layers", data["layers"], f"must have at most {MAX_LAYERS} entries")
        layers = [
            {"stride": 1 if index == 0 else 2, **layer} if isinstance(layer, dict) else layer
            for index, layer in enumerate(data["layers"])
        ]
        return {**data, "layers": layers}


def stem_width(model: ModelSpec, num_channels: int = 3) -> int:
    """Channels that leave the stem: of a whitening, one for each value of a patch and each sign.

    `num_channels` are those of the images.
    """
    return 2 * num_channels * model.patch_size**2 if model.stem == "whitening" else model.stem_channels


def map_sizes(model: ModelSpec, image_size: int) -> list[int]:
    """Side of the map, in pixels: before the first block layer, then after each one."""
    sizes = [image_size - model.patch_size + 1 if model.stem == "whitening" else image_size]
    for layer in model.layers:
        # Padding of half an odd filter keeps the size, so only the stride counts; pooling leaves out what is over.
        size = sizes[-1]
        sizes.append((size - 1) // layer.stride + 1 if model.downsampling == "stride" else size // layer.stride)
    return sizes
