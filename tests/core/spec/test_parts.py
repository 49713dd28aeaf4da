"""What single parts of a network cost, by hand; tests of the engine compare whole networks."""

import pytest

from core.spec.parts import ATTENTION_COSTS, POOL_COSTS, Part, conv, count_groups, eca_kernel, narrowed


def test_parts_add_up_and_repeat() -> None:
    assert Part(1, 2, 3) + Part(10, 20, 30) * 2 == Part(21, 42, 63)


def test_a_convolution_multiplies_each_weight_once_for_each_pixel() -> None:
    assert conv(3, 16, 3, 32, keeps_output=True) == Part(432, 432 * 32**2, 16 * 32**2)
    assert conv(3, 16, 3, 32, keeps_output=False).kept == 0


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("none", 0), ("se", 2 * 64 * 4), ("eca", 3), ("cbam", 2 * 64 * 4 + 2 * 7 * 7)],
)
def test_attention_on_64_channels_has_the_parameters_of_its_paper(name: str, parameters: int) -> None:
    assert ATTENTION_COSTS[name](64, 16, 8 * 8).parameters == parameters


def test_only_the_generalised_mean_learns_something_in_pooling() -> None:
    assert {name: cost(64, 8, 2).parameters for name, cost in POOL_COSTS.items()} == {"average": 0, "max": 0, "gem": 1}


@pytest.mark.parametrize(
    ("channels", "most", "groups"),
    [(64, 32, 32), (48, 32, 24), (32, 32, 16), (12, 8, 6), (17, 32, 1), (1, 32, 1), (6, 4, 3), (64, 1, 1)],
)
def test_groups_divide_the_channels_and_hold_two_or_more(channels: int, most: int, groups: int) -> None:
    assert count_groups(channels, most) == groups


def test_attention_never_narrows_to_no_channel() -> None:
    assert (narrowed(64, 16), narrowed(8, 16)) == (4, 1)


def test_the_channel_attention_filter_is_odd_and_grows_slowly() -> None:
    kernels = [eca_kernel(channels) for channels in range(1, 4097)]
    assert all(kernel % 2 == 1 for kernel in kernels)
    assert kernels == sorted(kernels)
    assert kernels[-1] == 7
