"""The residual network that a spec describes: stem, N block layers, pooling, dropout and one linear layer.

`core/spec/cost.py` counts the same network by arithmetic; tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.engine.layers import ACTIVATIONS, ATTENTION, BRANCH_ENDS, DOWN_POOLS, NORMS, POOLS, Whitening, make_skip
from core.spec import LayerSpec, ModelSpec, map_sizes, stem_width
from core.spec.parts import BLOCKS_WITH_BARE_SUM, narrowed


class PostActivationBlock(nn.Module):
    """He et al. 2015: act(S(x) + A(norm(convolutions(x)))), with attention A and skip connection S.

    `convolve` makes the block's convolutions and what is between them, from its input channels and its stride.
    """

    def __init__(
        self,
        model: ModelSpec,
        layer: LayerSpec,
        channels: int,
        stride: int,
        skip_chance: float,
        convolve: Callable[[ModelSpec, LayerSpec, int, int], list[nn.Module]],
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *convolve(model, layer, channels, stride),
            NORMS[model.norm](model, layer.channels),
            *_end_branch(model, layer, skip_chance),
        )
        self.skip: nn.Module = nn.Identity()
        if changes_shape(layer, channels, stride):
            projection = _project(model, channels, layer, stride)
            self.skip = nn.Sequential(*projection, NORMS[model.norm](model, layer.channels))
        self.activate = ACTIVATIONS[model.activation]()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activate(self.skip(x) + self.body(x))  # (N, channels, H / stride, W / stride)
        return out


def _two_convolutions(model: ModelSpec, layer: LayerSpec, channels: int, stride: int) -> list[nn.Module]:
    return [
        *_shrink(model, channels, layer.channels, layer.filter_size, stride),
        *_norm_act_and_drop(model, layer.channels),
        _conv(layer.channels, layer.channels, layer.filter_size),
    ]


def _single_convolution(model: ModelSpec, layer: LayerSpec, channels: int, stride: int) -> list[nn.Module]:
    """The first of two: a second one is drawn too, as it always was, or a seed would mean other weights."""
    return _two_convolutions(model, layer, channels, stride)[:-3]


def _bottleneck(model: ModelSpec, layer: LayerSpec, channels: int, stride: int) -> list[nn.Module]:
    """1x1 to few channels, the filter on these, 1x1 to the block's own; the stride is the middle one's, as in torch."""
    inner = narrowed(layer.channels, model.expansion)
    return [
        _conv(channels, inner, 1),
        *_norm_and_act(model, inner),
        *_shrink(model, inner, inner, layer.filter_size, stride),
        *_norm_act_and_drop(model, inner),
        _conv(inner, layer.channels, 1),
    ]


class PreActivationBlock(nn.Module):
    """He et al. 2016: S(x) + A(conv(act(norm(conv(act(norm(x))))))).

    If the shape changes, S is a plain convolution of act(norm(x)), as in the authors' code; else it is x itself.
    """

    def __init__(self, model: ModelSpec, layer: LayerSpec, channels: int, stride: int, skip_chance: float) -> None:
        super().__init__()
        self.enter = nn.Sequential(*_norm_and_act(model, channels))
        self.body = nn.Sequential(
            *_shrink(model, channels, layer.channels, layer.filter_size, stride),
            *_norm_act_and_drop(model, layer.channels),
            _conv(layer.channels, layer.channels, layer.filter_size),
            *_end_branch(model, layer, skip_chance),
        )
        self.skip: nn.Module | None = None
        if changes_shape(layer, channels, stride):
            self.skip, *others = reversed(_project(model, channels, layer, stride))
            if others:
                self.skip = nn.Sequential(*others, self.skip)

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)  # (N, channels, H, W)
        shortcut = x if self.skip is None else self.skip(entered)
        out: Tensor = shortcut + self.body(entered)  # (N, layer.channels, H / stride, W / stride)
        return out


# By the name in a spec; made from its input channels, its stride and the chance to skip it.
BLOCKS: dict[str, Callable[[ModelSpec, LayerSpec, int, int, float], nn.Module]] = {
    "basic": lambda model, layer, channels, stride, chance: PostActivationBlock(
        model, layer, channels, stride, chance, _two_convolutions
    ),
    "preactivation": PreActivationBlock,
    "single": lambda model, layer, channels, stride, chance: PostActivationBlock(
        model, layer, channels, stride, chance, _single_convolution
    ),
    "bottleneck": lambda model, layer, channels, stride, chance: PostActivationBlock(
        model, layer, channels, stride, chance, _bottleneck
    ),
}


class ResNet(nn.Module):
    """Images (N, num_channels, size, size), normalised, to logits (N, num_classes)."""

    def __init__(self, model: ModelSpec, num_classes: int, image_size: int, num_channels: int = 3) -> None:
        super().__init__()
        last_channels, last_size = model.layers[-1].channels, map_sizes(model, image_size)[-1]
        pooled_size = last_size // model.pool_size
        bare = model.block in BLOCKS_WITH_BARE_SUM
        self.last_size = last_size
        self.stem = nn.Sequential(*STEMS[model.stem](model, num_channels))
        self.layers = _make_layers(model, stem_width(model, num_channels))
        self.close = nn.Sequential(*(_norm_and_act(model, last_channels) if bare else []))
        self.pool = POOLS[model.pool_kind](model.pool_size)
        self.dropout = nn.Dropout(model.dropout)
        self.linear = nn.Linear(last_channels * pooled_size**2, num_classes, bias=model.head_bias)
        self.head_scale = model.head_scale
        _init_convolutions(self)
        if model.identity_filters:
            _begin_with_identity(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, stem_channels, size, size)
        x = self.close(self.layers(x))  # (N, C, H, W) of the last layer
        if self.training and x.shape[-1] != self.last_size:
            # Of smaller images: stretched to the map of full ones, so that the pooling's windows cover the same parts.
            x = nn.functional.interpolate(x, (self.last_size, self.last_size), mode="nearest-exact")
        x = self.pool(x).flatten(1)  # (N, C * (H // P) * (W // P))
        # In float32 even under autocast: two classes' logits, rounded to bfloat16, are often equal.
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.linear(self.dropout(x.float()))
        return logits if self.head_scale == 1 else logits * self.head_scale


def changes_shape(layer: LayerSpec, channels: int, stride: int) -> bool:
    """Whether a block with these input channels needs a convolution on its skip connection."""
    return stride != 1 or channels != layer.channels


def build_model(model: ModelSpec, num_classes: int, image_size: int, num_channels: int = 3) -> ResNet:
    """The network with He-initialised convolutions, from torch's global generator; `RunSpec` has checked its shape.

    `image_size` decides the linear layer's width: the last map is pooled, not averaged away. `num_channels` are those
    of an image: 3, or 1 where it is grey.
    """
    return ResNet(model, num_classes, image_size, num_channels)


def find_frozen(model: ResNet, layers: Sequence[int]) -> list[nn.Module]:
    """The parts of these numbers: 0 is the stem, 1 the first block layer."""
    parts = [model.stem, *model.layers]
    return [parts[number] for number in layers]


def count_parameters(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def _make_layers(model: ModelSpec, channels: int) -> nn.Sequential:
    """One `Sequential` of blocks a layer; the chance to skip a block rises linearly to the last (Huang et al. 2016)."""
    make_block = BLOCKS[model.block]
    total, number = sum(layer.blocks for layer in model.layers), 0
    layers = []
    for layer in model.layers:
        start = LAYER_STARTS[model.layer_start](model, layer, channels)
        channels, stride = (layer.channels, 1) if start else (channels, layer.stride)
        blocks = []
        for _ in range(layer.blocks):
            number += 1
            chance = model.stochastic_depth * number / total
            blocks.append(make_block(model, layer, channels, stride, chance))
            channels, stride = layer.channels, 1
        layers.append(nn.Sequential(*start, *blocks))
    return nn.Sequential(*layers)


def _start_with_convolution(model: ModelSpec, layer: LayerSpec, channels: int) -> list[nn.Module]:
    """A convolution of its own changes channels and map. A bare sum is normalised by the next block."""
    bare = model.block in BLOCKS_WITH_BARE_SUM
    shrink = _shrink(model, channels, layer.channels, layer.filter_size, layer.stride)
    return [nn.Sequential(*shrink, *([] if bare else _norm_and_act(model, layer.channels)))]


def _stem_of_convolution(model: ModelSpec, num_channels: int) -> list[nn.Module]:
    bare = model.block in BLOCKS_WITH_BARE_SUM
    convolution = _conv(num_channels, model.stem_channels, model.stem_filter)
    return [convolution, *([] if bare else _norm_and_act(model, model.stem_channels))]


# By the name in a spec: what comes before a layer's first block, from so many channels.
LAYER_STARTS: dict[str, Callable[[ModelSpec, LayerSpec, int], list[nn.Module]]] = {
    "block": lambda model, layer, channels: [],
    "convolution": _start_with_convolution,
}
# By the name in a spec: of images of so many channels.
STEMS: dict[str, Callable[[ModelSpec, int], list[nn.Module]]] = {
    "convolution": _stem_of_convolution,
    "whitening": lambda model, num_channels: [
        Whitening(model.patch_size, num_channels),
        ACTIVATIONS[model.activation](),
    ],
}


class SampledConv2d(nn.Conv2d):
    """A 1x1 convolution with a stride, as one without on every stride-th pixel: the same sums, the same parameters.

    oneDNN 3.13 (torch 2.15) writes outside its memory in the strided one's backward pass, where the CPU has AVX2 but no
    AVX-512 and the images have fewer than eight channels: the training's process dies.
    """

    def forward(self, x: Tensor) -> Tensor:
        down, across = self.stride
        return nn.functional.conv2d(x[:, :, ::down, ::across], self.weight)


def _conv(channels: int, out_channels: int, size: int, stride: int = 1) -> nn.Conv2d:
    if size == 1 and stride > 1 and channels < 8:
        return SampledConv2d(channels, out_channels, 1, stride, bias=False)
    return nn.Conv2d(channels, out_channels, size, stride, padding=size // 2, bias=False)


def _shrink(model: ModelSpec, channels: int, out_channels: int, size: int, stride: int) -> list[nn.Module]:
    """The convolution that changes channels and map: by its stride, or by a pooling that follows."""
    pool = DOWN_POOLS[model.downsampling](stride)
    if stride == 1 or pool is None:
        return [_conv(channels, out_channels, size, stride)]
    return [_conv(channels, out_channels, size), pool]


def _project(model: ModelSpec, channels: int, layer: LayerSpec, stride: int) -> list[nn.Module]:
    """The convolution of a skip connection, after the pooling where the block pools."""
    pool = DOWN_POOLS[model.downsampling](stride)
    if stride == 1 or pool is None:
        return [_conv(channels, layer.channels, layer.skip_kernel, stride)]
    return [pool, _conv(channels, layer.channels, layer.skip_kernel)]


def _end_branch(model: ModelSpec, layer: LayerSpec, skip_chance: float) -> list[nn.Module]:
    """What follows a block's convolutions before the sum."""
    attention = ATTENTION[model.attention](model, layer.channels)
    return [attention, BRANCH_ENDS[model.norm](), make_skip(skip_chance)]


def _norm_and_act(model: ModelSpec, channels: int) -> list[nn.Module]:
    return [NORMS[model.norm](model, channels), ACTIVATIONS[model.activation]()]


def _norm_act_and_drop(model: ModelSpec, channels: int) -> list[nn.Module]:
    """Before a block's last convolution, where Wide ResNets drop values (Zagoruyko & Komodakis 2016)."""
    norm, activation = _norm_and_act(model, channels)
    # Within the activation's place: with dropout or without, the weights have the same names.
    return [norm, nn.Sequential(activation, nn.Dropout(model.block_dropout)) if model.block_dropout else activation]


@torch.no_grad()
def _begin_with_identity(network: nn.Module) -> None:
    """Of each convolution as many filters as it has inputs pass one on each, as in airbench94 (Jordan 2024)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
            nn.init.dirac_(module.weight[: module.in_channels])


def _init_convolutions(network: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, keeping the size of the gradients. Linear layers keep torch's own."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
