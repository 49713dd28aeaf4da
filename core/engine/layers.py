"""The parts of a residual network that torch does not bring, and which of them a spec names.

Each attention takes the output of a block's last normalisation, (N, C, H, W), and returns it reweighted. None of them
looks at values in Python, so that the network can be compiled and captured as a CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.spec import ModelSpec
from core.spec.parts import CBAM_KERNEL, count_groups, eca_kernel, narrowed


def average(x: Tensor, over: tuple[int, ...] = (2, 3), keepdim: bool = False) -> Tensor:
    """The mean over dimensions, by default of each map: (N, C, H, W) -> (N, C).

    By its sum, whose gradient is one number a map. That of torch's mean is a whole map, and not in channels_last order:
    adding it to the others of `x` takes ten times as long.
    """
    if torch.onnx.is_in_onnx_export():
        # One operator instead of nine that ask for shapes, which OpenCV cannot run.
        return x.mean(over, keepdim)
    return x.sum(over, keepdim) / math.prod([x.shape[axis] for axis in over])


class SqueezeExcitation(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2018): (N, C, H, W) -> same. Linear layers without bias."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(channels, narrowed(channels, reduction), bias=False)
        self.widen = nn.Linear(narrowed(channels, reduction), channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.narrow(average(x))  # (N, C / reduction)
        weights = self.widen(F.relu(weights)).sigmoid()  # (N, C)
        return x * weights[:, :, None, None]


class EfficientChannelAttention(nn.Module):
    """Efficient channel attention (Wang et al. 2020): (N, C, H, W) -> same. One 1-d filter across the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = eca_kernel(channels)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.conv(average(x)[:, None])  # (N, 1, C)
        weights = weights.sigmoid()[:, 0]  # (N, C)
        return x * weights[:, :, None, None]


class CBAM(nn.Module):
    """Convolutional block attention (Woo et al. 2018): (N, C, H, W) -> same. First the channels, then the positions.

    As in the paper's equations: one MLP shared by the average and the maximum, and a 7x7 filter over the two maps of
    mean and maximum along the channels; no biases, no normalisation.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(channels, narrowed(channels, reduction), bias=False)
        self.widen = nn.Linear(narrowed(channels, reduction), channels, bias=False)
        self.conv = nn.Conv2d(2, 1, CBAM_KERNEL, padding=CBAM_KERNEL // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.stack([average(x), x.amax((2, 3))])  # (2, N, C)
        weights: Tensor = self.widen(F.relu(self.narrow(pooled))).sum(0).sigmoid()  # (N, C)
        x = x * weights[:, :, None, None]
        maps = torch.cat([average(x, (1,), keepdim=True), x.amax(1, keepdim=True)], 1)  # (N, 2, H, W)
        weights = self.conv(maps).sigmoid()  # (N, 1, H, W)
        return x * weights


class GeneralizedMeanPool(nn.Module):
    """Generalised mean over windows (Radenovic et al. 2018): (N, C, H, W) -> (N, C, H // size, W // size).

    The exponent is learned, from 3: 1 is the average, large values approach the maximum. It is kept at 1 or above:
    near 0 its inverse grows without bound.
    """

    def __init__(self, size: int, exponent: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.size, self.floor = size, floor
        self.exponent = nn.Parameter(torch.tensor(exponent))

    def forward(self, x: Tensor) -> Tensor:
        exponent = self.exponent.clamp(min=1.0)
        # In float32: powers of small numbers vanish in shorter formats.
        powers = x.float().clamp(min=self.floor).pow(exponent)
        return F.avg_pool2d(powers, self.size).pow(1 / exponent).to(x.dtype)


class Whitening(nn.Conv2d):
    """Patch whitening (Jordan 2024, arXiv:2404.00498): (N, C, H, W) -> (N, 2 C p^2, H - p + 1, W - p + 1).

    Its filters are taken from the training images, by `core/engine/whitening.py`; only the bias is trained.
    """

    def __init__(self, patch_size: int, channels: int) -> None:
        super().__init__(channels, 2 * channels * patch_size**2, patch_size)
        self.weight.requires_grad_(False)
        assert self.bias is not None
        nn.init.zeros_(self.bias)


class Shift(nn.Module):
    """What is left of a normalisation that does not normalise: (N, C, H, W) + one number a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias[:, None, None]


class Factor(nn.Module):
    """One factor, learnt from zero, at the end of a block's branch (SkipInit: De & Smith 2020, arXiv:2002.10444).

    So every block begins as its skip connection, and the maps of a deep network without normalisation do not grow.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def _batch_norm(model: ModelSpec, channels: int) -> nn.Module:
    norm = nn.BatchNorm2d(channels, eps=model.norm_epsilon, momentum=model.norm_momentum)
    norm.weight.requires_grad_(model.norm_scale)
    return norm


def _group_norm(model: ModelSpec, channels: int) -> nn.Module:
    norm = nn.GroupNorm(count_groups(channels, model.norm_groups), channels, eps=model.norm_epsilon)
    norm.weight.requires_grad_(model.norm_scale)
    return norm


# By the name in a spec: the normalisation of so many channels.
NORMS: dict[str, Callable[[ModelSpec, int], nn.Module]] = {
    "batch": _batch_norm,
    "group": _group_norm,
    "none": lambda model, channels: Shift(channels),
}
# And what ends the branch of a block for it.
BRANCH_ENDS: dict[str, Callable[[], nn.Module]] = {"batch": nn.Identity, "group": nn.Identity, "none": Factor}
# By the name in a spec: an entry makes the attention of a block of so many channels.
ATTENTION: dict[str, Callable[[ModelSpec, int], nn.Module]] = {
    "none": lambda model, channels: nn.Identity(),
    "se": lambda model, channels: SqueezeExcitation(channels, model.attention_reduction),
    "eca": lambda model, channels: EfficientChannelAttention(channels),
    "cbam": lambda model, channels: CBAM(channels, model.attention_reduction),
}
# The pooling between the last block and the linear layer, of windows of a size.
POOLS: dict[str, Callable[[int], nn.Module]] = {
    "average": nn.AvgPool2d,
    "max": nn.MaxPool2d,
    "gem": GeneralizedMeanPool,
}
# The pooling that shrinks a map within the network, by a stride; none where the convolution itself has it.
DOWN_POOLS: dict[str, Callable[[int], nn.Module | None]] = {
    "stride": lambda stride: None,
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
}
# In place where the gradient needs only the output: that keeps one map less in memory.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "mish": nn.Mish,
}


def make_skip(chance: float) -> nn.Module:
    """Stochastic depth (Huang et al. 2016): leaves the block's branch out of each image at this chance."""
    if chance == 0:
        return nn.Identity()
    from torchvision.ops import StochasticDepth  # two seconds that other networks need not wait for

    skip: nn.Module = StochasticDepth(chance, "row")
    return skip
