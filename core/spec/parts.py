"""The parts of a network that a spec names: what a person reads for each, and what each costs.

Costs are arithmetic, for one image; the parts themselves are in `core/engine/layers.py` and `core/engine/model.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Attention = Literal["none", "se", "eca", "cbam"]
Block = Literal["basic", "preactivation", "single", "bottleneck"]
Stem = Literal["convolution", "whitening"]
LayerStart = Literal["block", "convolution"]
Downsampling = Literal["stride", "max", "average"]
Norm = Literal["batch", "group", "none"]
Activation = Literal["relu", "silu", "gelu", "leaky_relu", "mish"]
PoolKind = Literal["average", "max", "gem"]

PART_LABELS = {
    "none": "None",
    "se": "Squeeze-and-excitation",
    "eca": "Efficient channel attention",
    "cbam": "CBAM",
    "basic": "Basic",
    "preactivation": "Pre-activation",
    "single": "Single convolution",
    "bottleneck": "Bottleneck",
    "convolution": "Convolution",
    "whitening": "Patch whitening",
    "block": "Block",
    "stride": "Stride",
    "batch": "Batch",
    "group": "Group",
    "relu": "ReLU",
    "silu": "SiLU",
    "gelu": "GELU",
    "leaky_relu": "Leaky ReLU",
    "mish": "Mish",
    "average": "Average",
    "max": "Max",
    "gem": "Generalised mean",
}

WITH_INNER_DROPOUT = ["basic", "preactivation", "bottleneck"]  # blocks that read `block_dropout`
NARROWING_ATTENTION = ["se", "cbam"]  # reads `attention_reduction`
NORMALISING = ["batch", "group"]  # read `norm_scale` and `norm_epsilon`
# The stem has no normalisation and activation then; one of each closes the network instead.
BLOCKS_WITH_BARE_SUM = {"preactivation"}
CBAM_KERNEL = 7


@dataclass(frozen=True)
class Part:
    """Parameters, multiply-adds, and the numbers that the backward pass needs; parts add up and repeat."""

    parameters: int = 0
    multiply_adds: int = 0
    kept: int = 0

    def __add__(self, other: Part) -> Part:
        return Part(
            self.parameters + other.parameters, self.multiply_adds + other.multiply_adds, self.kept + other.kept
        )

    def __mul__(self, times: int) -> Part:
        return Part(self.parameters * times, self.multiply_adds * times, self.kept * times)


def conv(channels: int, out: int, kernel: int, size: int, *, keeps_output: bool) -> Part:
    """A convolution with an output of side `size`. A normalisation that follows may keep it for its gradient."""
    weights = kernel**2 * channels * out
    return Part(weights, weights * size**2, out * size**2 if keeps_output else 0)


# Normalisation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NormCost:
    """Of a kind of normalisation; `branch` is what the end of each block's branch has because of it."""

    parameters: Callable[[int, bool], int]  # of so many channels, whose weights are trained or stay at one
    keeps_input: bool
    branch: Callable[[int, int], Part] = lambda channels, area: Part()


NORM_COSTS: dict[str, NormCost] = {
    "batch": NormCost(lambda channels, scaled: (1 + scaled) * channels, keeps_input=True),
    "group": NormCost(lambda channels, scaled: (1 + scaled) * channels, keeps_input=True),
    # What is left of it is the shift, and one factor a block, which keeps the map that it multiplies.
    "none": NormCost(lambda channels, scaled: channels, False, lambda channels, area: Part(1, 0, channels * area)),
}


def count_groups(channels: int, most: int) -> int:
    """Groups of group normalisation: as many of equal size as there may be, each of two channels or more."""
    return max(groups for groups in range(1, max(1, min(most, channels // 2)) + 1) if channels % groups == 0)


def norm(kind: Norm, channels: int, *, scaled: bool) -> Part:
    """A normalisation; without `scaled` its weights stay at one and are not trained."""
    return Part(NORM_COSTS[kind].parameters(channels, scaled))


# Attention ------------------------------------------------------------------------------------------------------


def narrowed(channels: int, reduction: int) -> int:
    """Channels in the middle of squeeze-and-excitation, CBAM and bottleneck blocks."""
    return max(1, channels // reduction)


def eca_kernel(channels: int) -> int:
    """Filter size of efficient channel attention: the odd number near (log2(C) + 1) / 2 (Wang et al. 2020)."""
    size = int((math.log2(channels) + 1) / 2)
    return size if size % 2 else size + 1


def _squeeze_excitation(channels: int, reduction: int, area: int) -> Part:
    middle = narrowed(channels, reduction)
    weights = 2 * channels * middle
    return Part(weights, weights, channels * area + 2 * channels + middle)


def _efficient_channel_attention(channels: int, reduction: int, area: int) -> Part:
    kernel = eca_kernel(channels)
    return Part(kernel, kernel * channels, channels * area + 2 * channels)


def _cbam(channels: int, reduction: int, area: int) -> Part:
    middle = narrowed(channels, reduction)
    mlp, spatial = 2 * channels * middle, 2 * CBAM_KERNEL**2
    kept = 2 * channels * area + 4 * area + 4 * channels + 2 * middle
    return Part(mlp + spatial, 2 * mlp + spatial * area, kept)


# On a map of `channels` and `area` pixels, for the spec's reduction.
ATTENTION_COSTS: dict[str, Callable[[int, int, int], Part]] = {
    "none": lambda channels, reduction, area: Part(),
    "se": _squeeze_excitation,
    "eca": _efficient_channel_attention,
    "cbam": _cbam,
}

# Activations and pooling ----------------------------------------------------------------------------------------

# Maps kept for the gradient: two if it needs the input, while the next convolution needs the output.
ACTIVATION_MAPS: dict[str, int] = {"relu": 1, "leaky_relu": 1, "silu": 2, "gelu": 2, "mish": 2}


def activate(activation: Activation, channels: int, size: int) -> Part:
    return Part(kept=ACTIVATION_MAPS[activation] * channels * size**2)


def norm_and_act(kind: Norm, activation: Activation, channels: int, size: int, *, scaled: bool) -> Part:
    return norm(kind, channels, scaled=scaled) + activate(activation, channels, size)


# Beside its output, for a map of `channels` and `size`, pooled to the side `pooled`.
POOL_COSTS: dict[str, Callable[[int, int, int], Part]] = {
    "average": lambda channels, size, pooled: Part(),
    # The index of each maximum, in 8 bytes.
    "max": lambda channels, size, pooled: Part(kept=2 * channels * pooled**2),
    # The exponent; the map after its lower bound and after the power; the means before the root.
    "gem": lambda channels, size, pooled: Part(1, 0, 2 * channels * size**2 + channels * pooled**2),
}


def pool_down(downsampling: Downsampling, channels: int, pooled: int, *, keeps_output: bool) -> Part:
    """Pooling that shrinks a map to the side `pooled`: its output if the next step keeps it, and its own needs."""
    output = Part(kept=channels * pooled**2 if keeps_output else 0)
    return output + POOL_COSTS[downsampling](channels, 0, pooled)


# ONNX -----------------------------------------------------------------------------------------------------------

# The first operator set in which each part is written and means the same to every reader: many stop before 20. None
# goes below 9, with which weights ceased to be inputs.
ONNX_OPSETS: dict[str, int] = {
    **dict.fromkeys(("none", "se", "eca", "cbam"), 9),
    **dict.fromkeys(("relu", "leaky_relu", "silu", "mish", "gelu"), 9),  # GELU by its error function
    **dict.fromkeys(("average", "max", "gem"), 9),
    **dict.fromkeys(("convolution", "whitening", "block"), 9),
    **dict.fromkeys(("basic", "preactivation", "single", "bottleneck"), 9),
    **dict.fromkeys(("batch", "group"), 9),
}
SAMPLED_OPSET = 10  # of every n-th pixel
# Batch normalisation that follows no convolution, but a sum or a pooling, stays an operator of its own, which says only
# from here on that it is not training.
BARE_NORM_OPSET = 15

# Blocks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BlockShape:
    """One block: its channels and the side of its map before (`channels`, `before`) and after (`out`, `after`)."""

    channels: int
    out: int
    before: int
    after: int
    stride: int
    filter_size: int
    skip_kernel: int
    activation: Activation
    attention: Attention
    attention_reduction: int
    downsampling: Downsampling
    norm_kind: Norm
    scaled_norms: bool
    expansion: int
    drops: bool

    @property
    def changes_shape(self) -> bool:
        return self.stride != 1 or self.channels != self.out

    @property
    def pools(self) -> bool:
        return self.stride != 1 and self.downsampling != "stride"

    @property
    def inner(self) -> int:
        return narrowed(self.out, self.expansion)

    @property
    def norm_keeps(self) -> bool:
        """Whether a normalisation keeps the map before it."""
        return NORM_COSTS[self.norm_kind].keeps_input

    def norm(self, channels: int) -> Part:
        return norm(self.norm_kind, channels, scaled=self.scaled_norms)

    def norm_and_act(self, channels: int, size: int) -> Part:
        return norm_and_act(self.norm_kind, self.activation, channels, size, scaled=self.scaled_norms)

    def norm_act_and_drop(self, channels: int, size: int) -> Part:
        """Before the block's last convolution. Dropout keeps its output and its mask; a CPU's is as large."""
        part = self.norm_and_act(channels, size)
        maps = 3 - ACTIVATION_MAPS[self.activation] if self.drops else 0
        return part + Part(kept=maps * channels * size**2)

    def shrink(self) -> Part:
        """The block's convolution from its input channels to its own, if that is the one that shrinks the map."""
        return self.shrink_between(self.channels, self.out)

    def shrink_between(self, channels: int, out: int) -> Part:
        """A convolution, and the pooling that then shrinks its map; a normalisation or the like follows."""
        if not self.pools:
            return conv(channels, out, self.filter_size, self.after, keeps_output=self.norm_keeps)
        whole = conv(channels, out, self.filter_size, self.before, keeps_output=True)
        return whole + pool_down(self.downsampling, out, self.after, keeps_output=self.norm_keeps)

    def project(self, *, keeps_output: bool) -> Part:
        """The skip connection's convolution, of the pooled map where the block pools."""
        part = conv(self.channels, self.out, self.skip_kernel, self.after, keeps_output=keeps_output)
        if not self.pools:
            return part
        return part + pool_down(self.downsampling, self.channels, self.after, keeps_output=True)

    def end_branch(self) -> Part:
        """Attention, and what the kind of normalisation asks for."""
        area = self.after**2
        attention = ATTENTION_COSTS[self.attention](self.out, self.attention_reduction, area)
        return attention + NORM_COSTS[self.norm_kind].branch(self.out, area)


def _sum(shape: BlockShape) -> Part:
    """What follows the last convolution of a block: normalisation, attention, skip connection, activation."""
    part = shape.norm(shape.out) + shape.end_branch()
    if shape.changes_shape:
        part += shape.project(keeps_output=shape.norm_keeps) + shape.norm(shape.out)
    return part + activate(shape.activation, shape.out, shape.after)


def _single(shape: BlockShape) -> Part:
    return shape.shrink() + _sum(shape)


def _basic(shape: BlockShape) -> Part:
    out, after = shape.out, shape.after
    second = conv(out, out, shape.filter_size, after, keeps_output=shape.norm_keeps)
    return _single(shape) + shape.norm_act_and_drop(out, after) + second


def _bottleneck(shape: BlockShape) -> Part:
    inner, keeps = shape.inner, shape.norm_keeps
    part = conv(shape.channels, inner, 1, shape.before, keeps_output=keeps) + shape.norm_and_act(inner, shape.before)
    part += shape.shrink_between(inner, inner) + shape.norm_act_and_drop(inner, shape.after)
    return part + conv(inner, shape.out, 1, shape.after, keeps_output=keeps) + _sum(shape)


def _preactivation(shape: BlockShape) -> Part:
    out, after = shape.out, shape.after
    part = shape.norm_and_act(shape.channels, shape.before) + shape.shrink()
    part += shape.norm_act_and_drop(out, after)
    part += conv(out, out, shape.filter_size, after, keeps_output=False) + shape.end_branch()
    if shape.changes_shape:
        part += shape.project(keeps_output=False)
    return part + Part(kept=out * after**2 if shape.norm_keeps else 0)  # the sum, before the next normalisation


BLOCK_COSTS: dict[str, Callable[[BlockShape], Part]] = {
    "basic": _basic,
    "preactivation": _preactivation,
    "single": _single,
    "bottleneck": _bottleneck,
}

# The weights of a block's own convolutions: from its input channels to its own, of this filter size and expansion.
BLOCK_WEIGHTS: dict[str, Callable[[int, int, int, int], int]] = {
    "basic": lambda channels, out, size, expansion: size**2 * out * (channels + out),
    "preactivation": lambda channels, out, size, expansion: size**2 * out * (channels + out),
    "single": lambda channels, out, size, expansion: size**2 * out * channels,
    "bottleneck": lambda channels, out, size, expansion: (
        narrowed(out, expansion) * (channels + size**2 * narrowed(out, expansion) + out)
    ),
}
