"""Attention and pooling compute what their papers say."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from core.engine.layers import CBAM, EfficientChannelAttention, GeneralizedMeanPool, SqueezeExcitation, average


def test_the_average_of_a_map_is_its_mean_and_its_gradient_one_number_a_map() -> None:
    x = torch.randn(4, 6, 5, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    torch.testing.assert_close(average(x), x.mean((2, 3)))
    (gradient,) = torch.autograd.grad(average(x).sum(), x)
    torch.testing.assert_close(gradient, torch.full_like(x, 1 / 25))
    # A whole map, in an order of its own, made a training step a tenth slower.
    assert gradient.untyped_storage().nbytes() <= 4 * 6 * gradient.element_size()


def test_squeeze_and_excitation_computes_what_torchvision_s_does() -> None:
    ours, reference = SqueezeExcitation(32, 16), torchvision.ops.SqueezeExcitation(32, 2)
    with torch.no_grad():
        for linear, convolution in ((ours.narrow, reference.fc1), (ours.widen, reference.fc2)):
            convolution.weight.copy_(linear.weight[:, :, None, None])
            convolution.bias.zero_()
    x = torch.randn(3, 32, 5, 5)
    torch.testing.assert_close(ours(x), reference(x))


@pytest.mark.parametrize(("channels", "kernel"), [(1, 1), (8, 3), (32, 3), (64, 3), (128, 5), (256, 5), (512, 5)])
def test_efficient_channel_attention_takes_the_paper_s_kernel(channels: int, kernel: int) -> None:
    attention = EfficientChannelAttention(channels)
    assert attention.conv.kernel_size == (kernel,)
    x = torch.randn(2, channels, 4, 4)
    with torch.no_grad():
        attention.conv.weight.zero_()[0, 0, kernel // 2] = 1  # each channel by its own mean alone
    torch.testing.assert_close(attention(x), x * x.mean((2, 3), keepdim=True).sigmoid())


def test_cbam_weighs_first_channels_and_then_places() -> None:
    attention, x = CBAM(8, 2), torch.randn(2, 8, 6, 6)
    average, largest = F.adaptive_avg_pool2d(x, 1).flatten(1), F.adaptive_max_pool2d(x, 1).flatten(1)
    mlp = nn.Sequential(attention.narrow, nn.ReLU(), attention.widen)
    by_channel = x * (mlp(average) + mlp(largest)).sigmoid()[:, :, None, None]
    maps = torch.stack([by_channel.mean(1), by_channel.max(1).values], 1)
    by_place = by_channel * F.conv2d(maps, attention.conv.weight, padding=3).sigmoid()
    torch.testing.assert_close(attention(x), by_place)


def test_generalised_mean_lies_between_average_and_maximum() -> None:
    x = torch.rand(2, 4, 8, 8)
    average, largest = F.avg_pool2d(x, 4), F.max_pool2d(x, 4)
    torch.testing.assert_close(GeneralizedMeanPool(4, exponent=1.0)(x), average)
    learned = GeneralizedMeanPool(4)(x)
    assert ((average < learned) & (learned < largest)).all()
    # A mean over 16 values with exponent p is at least 16 ** (-1 / p) of the largest.
    assert (GeneralizedMeanPool(4, exponent=50.0)(x) > 0.94 * largest).all()


def test_generalised_mean_stays_finite_for_an_exponent_driven_below_one() -> None:
    assert GeneralizedMeanPool(4, exponent=-2.0)(torch.rand(1, 1, 4, 4)).isfinite().all()
