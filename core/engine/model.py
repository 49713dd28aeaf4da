"""The residual network that a spec describes: stem, N block layers, pooling, dropout and one linear layer.

`core/spec/cost.py` counts the same network by arithmetic; tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.engine.layers import ACTIVATIONS, ATTENTION, POOLS, make_skip
from core.spec import LayerSpec, ModelSpec, map_sizes
from core.spec.parts import BLOCKS_WITH_BARE_SUM


class BasicBlock(nn.Module):
    """He et al. 2015: act(S(x) + A(BN(conv(act(BN(conv(x))))))), with attention A and skip connection S."""

    def __init__(self, model: ModelSpec, layer: LayerSpec, channels: int, stride: int, skip_chance: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels, layer.channels, layer.filter_size, stride),
            nn.BatchNorm2d(layer.channels),
            ACTIVATIONS[model.activation](),
            _conv(layer.channels, layer.channels, layer.filter_size),
            nn.BatchNorm2d(layer.channels),
            ATTENTION[model.attention](model, layer.channels),
            make_skip(skip_chance),
        )
        self.skip: nn.Module = nn.Identity()
        if changes_shape(layer, channels, stride):
            projection = _conv(channels, layer.channels, layer.skip_kernel, stride)
            self.skip = nn.Sequential(projection, nn.BatchNorm2d(layer.channels))
        self.activate = ACTIVATIONS[model.activation]()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activate(self.skip(x) + self.body(x))  # (N, channels, H / stride, W / stride)
        return out


class PreActivationBlock(nn.Module):
    """He et al. 2016: S(x) + A(conv(act(BN(conv(act(BN(x))))))).

    If the shape changes, S is a plain convolution of act(BN(x)), as in the authors' code; else it is x itself.
    """

    def __init__(self, model: ModelSpec, layer: LayerSpec, channels: int, stride: int, skip_chance: float) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.BatchNorm2d(channels), ACTIVATIONS[model.activation]())
        self.body = nn.Sequential(
            _conv(channels, layer.channels, layer.filter_size, stride),
            nn.BatchNorm2d(layer.channels),
            ACTIVATIONS[model.activation](),
            _conv(layer.channels, layer.channels, layer.filter_size),
            ATTENTION[model.attention](model, layer.channels),
            make_skip(skip_chance),
        )
        self.skip: nn.Module | None = None
        if changes_shape(layer, channels, stride):
            self.skip = _conv(channels, layer.channels, layer.skip_kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)  # (N, channels, H, W)
        shortcut = x if self.skip is None else self.skip(entered)
        out: Tensor = shortcut + self.body(entered)  # (N, layer.channels, H / stride, W / stride)
        return out


# By the name in a spec; made from its input channels, its stride and the chance to skip it.
BLOCKS: dict[str, Callable[[ModelSpec, LayerSpec, int, int, float], nn.Module]] = {
    "basic": BasicBlock,
    "preactivation": PreActivationBlock,
}


class ResNet(nn.Module):
    """Images (N, 3, size, size), normalised, to logits (N, num_classes)."""

    def __init__(self, model: ModelSpec, num_classes: int, image_size: int) -> None:
        super().__init__()
        last_channels, last_size = model.layers[-1].channels, map_sizes(model, image_size)[-1]
        pooled_size = last_size // model.pool_size
        bare = model.block in BLOCKS_WITH_BARE_SUM
        self.stem = nn.Sequential(
            _conv(3, model.stem_channels, model.stem_filter),
            *([] if bare else _norm_and_act(model, model.stem_channels)),
        )
        self.layers = _make_layers(model)
        self.close = nn.Sequential(*(_norm_and_act(model, last_channels) if bare else []))
        self.pool = POOLS[model.pool_kind](model.pool_size)
        self.dropout = nn.Dropout(model.dropout)
        self.linear = nn.Linear(last_channels * pooled_size**2, num_classes)
        _init_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, stem_channels, size, size)
        x = self.close(self.layers(x))  # (N, C, H, W) of the last layer
        x = self.pool(x).flatten(1)  # (N, C * (H // P) * (W // P))
        # In float32 even under autocast: two classes' logits, rounded to bfloat16, are often equal.
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.linear(self.dropout(x.float()))
        return logits


def changes_shape(layer: LayerSpec, channels: int, stride: int) -> bool:
    """Whether a block with these input channels needs a convolution on its skip connection."""
    return stride != 1 or channels != layer.channels


def build_model(model: ModelSpec, num_classes: int, image_size: int) -> ResNet:
    """The network with He-initialised convolutions, from torch's global generator; `RunSpec` has checked its shape.

    `image_size` decides the linear layer's width: the last map is pooled, not averaged away.
    """
    return ResNet(model, num_classes, image_size)


def count_parameters(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def _make_layers(model: ModelSpec) -> nn.Sequential:
    """One `Sequential` of blocks a layer; the chance to skip a block rises linearly to the last (Huang et al. 2016)."""
    make_block = BLOCKS[model.block]
    total, number, channels = sum(layer.blocks for layer in model.layers), 0, model.stem_channels
    layers = []
    for layer in model.layers:
        blocks = []
        for index in range(layer.blocks):
            number += 1
            chance = model.stochastic_depth * number / total
            blocks.append(make_block(model, layer, channels, layer.stride if index == 0 else 1, chance))
            channels = layer.channels
        layers.append(nn.Sequential(*blocks))
    return nn.Sequential(*layers)


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


def _norm_and_act(model: ModelSpec, channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), ACTIVATIONS[model.activation]()]


def _init_convolutions(network: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, keeping the size of the gradients. Linear layers keep torch's own."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
