"""The network is the one that its cost describes, and each part does what its paper says."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.resnet import BasicBlock, Bottleneck, resnet50
from torchvision.ops import StochasticDepth

from core.engine.model import ResNet, SampledConv2d, _conv, build_model, count_parameters
from core.spec import Activation, Attention, Block, RunSpec, choices_of
from core.spec.cost import cost_of, training_multiply_adds
from core.spec.parse import parse_spec
from core.spec.parts import WITH_INNER_DROPOUT, PoolKind
from core.spec.presets import PRESETS
from tests.strategies import run_specs

many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

few = settings(many, max_examples=40)


def build(spec: RunSpec) -> ResNet:
    return build_model(spec.model, spec.data.num_classes, spec.data.image_size, spec.data.num_channels)


def images_for(spec: RunSpec, batch: int) -> Tensor:
    return torch.randn(batch, spec.data.num_channels, spec.data.image_size, spec.data.image_size)


def spec_with(**model: Any) -> RunSpec:
    layers = [{"channels": 8, "blocks": 2}, {"channels": 16, "blocks": 1}]
    return parse_spec({"model": {"stem_channels": 8, "layers": layers, **model}, "data": {"image_size": 16}})


def saved_elements(network: nn.Module, images: Tensor) -> int:
    """Numbers that autograd keeps for the backward pass, apart from the weights, counting each storage once."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(images).sum()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) // 4


@many
@given(run_specs())
def test_parameters_shown_equal_parameters_trained(spec: RunSpec) -> None:
    network = build(spec)
    assert cost_of(spec).parameters == count_parameters(network)
    parts = [network.stem, *network.layers, nn.ModuleList([network.close, network.pool, network.linear])]
    assert [layer.parameters for layer in cost_of(spec).layers] == [count_parameters(part) for part in parts]


@settings(many, max_examples=100)
@given(run_specs())
def test_multiply_adds_shown_equal_those_that_torch_counts(spec: RunSpec) -> None:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build(spec)(images_for(spec, 2))
    assert cost_of(spec).multiply_adds * 2 * 2 == counter.get_total_flops()  # two images; an addition is one more


GROWING = {"grow_images": True, "first_side": 8, "growth_steps": 2, "grown_after": 0.5}


@pytest.mark.parametrize("pool_kind", choices_of(PoolKind))
def test_smaller_images_of_a_training_cost_what_is_shown(pool_kind: str) -> None:
    """In training only: where a network is asked, all images are full."""
    spec = spec_with(stem="whitening", downsampling="max", layer_start="convolution", pool_kind=pool_kind, pool_size=3)
    spec = parse_spec({**spec.model_dump(), "train": GROWING})
    network, counted = build(spec), {}
    for side in (8, 12, 16):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            assert network(torch.randn(2, 3, side, side)).shape == (2, 10)
        counted[side] = counter.get_total_flops() / 4
    assert training_multiply_adds(spec) == pytest.approx(counted[8] / 4 + counted[12] / 4 + counted[16] / 2)
    assert training_multiply_adds(spec_with()) == cost_of(spec_with()).multiply_adds


def test_a_smaller_map_is_pooled_over_the_same_parts_of_the_image() -> None:
    network = build(spec_with(pool_kind="max", pool_size=2))  # on a map of 8x8
    small = torch.randn(1, 16, 4, 4)
    network.layers, seen = nn.Identity(), []
    network.stem = nn.Identity()
    network.pool.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    network(small)
    torch.testing.assert_close(seen[0], small)  # each of its pixels is one window of the full map


@few
@given(run_specs())
def test_map_sizes_shown_equal_those_that_pass_through_the_network(spec: RunSpec) -> None:
    network, seen = build(spec), []
    for part in (network.stem, *network.layers, network.pool):
        part.register_forward_hook(lambda _module, _inputs, out: seen.append(tuple(out.shape[1:])))
    with torch.no_grad():
        assert network(images_for(spec, 2)).shape == (2, spec.data.num_classes)
    assert seen == [(layer.channels, layer.map_size, layer.map_size) for layer in cost_of(spec).layers]


@few
@given(run_specs())
def test_activations_estimated_are_those_that_autograd_keeps(spec: RunSpec) -> None:
    batch = 8
    kept = saved_elements(build(spec), images_for(spec, batch)) / batch
    # Not estimated: the statistics of each normalisation, and dropout's mask.
    assert 0.8 < cost_of(spec).activation_elements / kept < 1.05


@few
@given(run_specs())
def test_every_parameter_of_every_network_is_trained(spec: RunSpec) -> None:
    network = build(spec)
    for block in network.layers.modules():
        if isinstance(block, StochasticDepth):
            block.p = 0.0  # a batch whose every row skips a block gives that block no gradient, and rightly so
    F.cross_entropy(network(images_for(spec, 4)), torch.zeros(4, dtype=torch.long)).backward()
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            assert name == "stem.0.weight" or parameter.eq(1).all(), name
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


# The CIFAR ResNet-18 that people quote; He et al. 2015 have 0.27 M and 0.85 M with option A: option B adds 2,752.
@pytest.mark.parametrize(
    ("name", "count"),
    [("resnet18", 11_173_962), ("resnet20", 269_722 + 2_752), ("resnet56", 853_018 + 2_752), ("report", 2_648_858)],
)
def test_known_networks_have_their_known_number_of_parameters(name: str, count: int) -> None:
    assert count_parameters(build(PRESETS[name].spec)) == count


@pytest.mark.parametrize(("stem", "fewer"), [("convolution", 2 * 9 * 16), ("whitening", None)])
def test_grey_images_take_the_weights_of_two_channels_away(stem: str, fewer: int | None) -> None:
    model = PRESETS["resnet20"].spec.model.model_dump() | {"stem": stem}
    colour, grey = (parse_spec({"model": model, "data": {"colour": name}}) for name in ("rgb", "grey"))
    assert build(grey).stem[0].weight.shape[1] == 1
    told = cost_of(colour).parameters - cost_of(grey).parameters
    assert told == count_parameters(build(colour)) - count_parameters(build(grey))
    assert fewer is None or told == fewer


def test_a_basic_block_computes_what_torchvision_s_does() -> None:
    block = build(spec_with()).layers[1][0].eval()
    shrink = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
    reference = BasicBlock(8, 16, stride=2, downsample=shrink).eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), in_torchvision_order(block), strict=True)))
    x = torch.randn(2, 8, 16, 16).relu()
    torch.testing.assert_close(block(x), reference(x))


def test_a_bottleneck_block_computes_what_torchvision_s_does() -> None:
    block = build(spec_with(block="bottleneck")).layers[1][0].eval()
    shrink = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
    reference = Bottleneck(8, 4, stride=2, downsample=shrink).eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), in_torchvision_order(block), strict=True)))
    x = torch.randn(2, 8, 16, 16).relu()
    torch.testing.assert_close(block(x), reference(x))


def test_resnet_50_in_its_form_for_cifar_has_the_parameters_of_torchvision_s_layer_by_layer() -> None:
    widths = [(256, 3), (512, 4), (1024, 6), (2048, 3)]
    layers = [{"channels": channels, "blocks": blocks} for channels, blocks in widths]
    spec = parse_spec({"model": {"block": "bottleneck", "stem_channels": 64, "layers": layers}})
    with torch.device("meta"):
        theirs = resnet50(num_classes=10)
        theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)  # of small images: 3x3 without a stride
    parts = [nn.Sequential(theirs.conv1, theirs.bn1), *(getattr(theirs, f"layer{n}") for n in range(1, 5)), theirs.fc]
    assert [layer.parameters for layer in cost_of(spec).layers] == [count_parameters(part) for part in parts]
    assert cost_of(spec).parameters == 23_520_842


def test_the_middle_of_a_bottleneck_is_narrower_by_its_expansion() -> None:
    body = build(spec_with(block="bottleneck", expansion=2)).layers[1][0].body
    shapes = [tuple(module.weight.shape) for module in body if isinstance(module, nn.Conv2d)]
    assert shapes == [(8, 8, 1, 1), (8, 8, 3, 3), (16, 8, 1, 1)]


def in_torchvision_order(block: nn.Module) -> list[Tensor]:
    """The tensors of a block: of each convolution and normalisation in turn, then of the skip connection's."""
    return [value for name, value in sorted(block.state_dict().items(), key=lambda item: item[0].startswith("skip"))]


def test_a_preactivation_block_normalises_before_it_convolves_and_leaves_the_sum_bare() -> None:
    first, second = build(spec_with(block="preactivation")).layers[0].eval()
    x = torch.randn(2, 8, 16, 16)
    norm, inner, (conv1, _, _, conv2, *_) = first.enter[0], first.body[1], first.body
    torch.testing.assert_close(first(x), x + conv2(inner(conv1(norm(x).relu())).relu()))
    assert second.skip is None
    assert first(x).min() < 0


def test_a_preactivation_skip_that_changes_the_shape_convolves_the_activated_map() -> None:
    block = build(spec_with(block="preactivation")).layers[1][0].eval()
    x = torch.randn(2, 8, 16, 16)
    entered = block.enter[0](x).relu()
    torch.testing.assert_close(block(x) - block.body(entered), F.conv2d(entered, block.skip.weight, stride=2))


def test_the_chance_to_skip_a_block_rises_linearly_to_the_last() -> None:
    layers = [{"channels": 8, "blocks": 3}, {"channels": 8, "blocks": 2}]
    network = build(spec_with(layers=layers, stochastic_depth=0.5))
    chances = [module.p for module in network.modules() if isinstance(module, StochasticDepth)]
    assert chances == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_dropout_and_stochastic_depth_act_in_training_only() -> None:
    spec = spec_with(dropout=0.5, stochastic_depth=0.5)
    network, images = build(spec), images_for(spec, 16)
    with torch.no_grad():
        assert not torch.equal(network(images), network(images))
        network.eval()
        torch.testing.assert_close(network(images), network(images), rtol=0, atol=0)


def test_dropout_in_a_block_comes_before_its_second_convolution_as_in_wide_resnets() -> None:
    block = build(spec_with(block="preactivation", block_dropout=0.4)).layers[0][0]
    x = torch.randn(2, 8, 16, 16)
    first, norm, dropping, second, *_ = block.body
    torch.manual_seed(3)
    found = block(x)
    torch.manual_seed(3)
    dropped = F.dropout(norm(first(block.enter(x))).relu(), 0.4)
    torch.testing.assert_close(found, x + second(dropped))
    assert isinstance(dropping, nn.Sequential)


@pytest.mark.parametrize("block", WITH_INNER_DROPOUT)
def test_dropout_in_blocks_acts_in_training_only_and_names_no_weight_otherwise(block: str) -> None:
    network, plain = build(spec_with(block=block, block_dropout=0.5)), build(spec_with(block=block))
    network.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(network.eval()(images), plain.eval()(images), rtol=0, atol=0)
    assert not torch.equal(network.train()(images), network(images))


def test_a_layer_may_begin_with_a_convolution_and_a_pooling_of_its_own() -> None:
    network = build(spec_with(layer_start="convolution", downsampling="max", block="single")).eval()
    (conv, pool, norm, _), block = network.layers[1]
    x = torch.randn(2, 8, 16, 16)
    entered = norm(F.max_pool2d(F.conv2d(x, conv.weight, padding=1), 2)).relu()
    second = block.body[1](F.conv2d(entered, block.body[0].weight, padding=1))
    torch.testing.assert_close(network.layers[1](x), (entered + second).relu())
    assert isinstance(pool, nn.MaxPool2d)


def test_a_block_that_pools_does_so_after_its_first_convolution_and_before_the_skip_one() -> None:
    block = build(spec_with(downsampling="average")).layers[1][0].eval()
    x = torch.randn(2, 8, 16, 16)
    body, skip = block.body, block.skip
    inner = body[2](F.avg_pool2d(body[0](x), 2)).relu()
    shortcut = skip[2](skip[1](F.avg_pool2d(x, 2)))
    torch.testing.assert_close(block(x), (shortcut + body[5](body[4](inner))).relu())


def test_norms_and_head_are_as_the_spec_says() -> None:
    network = build(spec_with(norm_momentum=0.4, norm_epsilon=1e-3, norm_scale=False, head_bias=False, head_scale=0.5))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps, norm.weight.requires_grad) for norm in norms} == {(0.4, 1e-3, False)}
    images, seen = torch.randn(2, 3, 16, 16), []
    network.linear.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    torch.testing.assert_close(network(images), 0.5 * seen[0])
    assert network.linear.bias is None


def test_normalisation_by_groups_is_of_each_image_by_itself() -> None:
    network = build(spec_with(norm="group", norm_groups=3, norm_epsilon=1e-3)).train()  # 8 and 16 channels: 2 groups
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(network(images)[:1], network(images[:1]))
    conv, norm, _ = network.stem
    maps = conv(images)
    groups = maps.unflatten(1, (2, 4))
    mean, variance = groups.mean((2, 3, 4), keepdim=True), groups.var((2, 3, 4), keepdim=True, unbiased=False)
    torch.testing.assert_close(norm(maps), ((groups - mean) / (variance + 1e-3).sqrt()).flatten(1, 2))


@pytest.mark.parametrize("block", choices_of(Block))
def test_without_normalisation_a_deep_network_begins_as_its_skip_connections_and_learns(block: str) -> None:
    layers = [{"channels": 8, "blocks": 40, "stride": 1}, {"channels": 16, "blocks": 1}]
    torch.manual_seed(0)
    network = build(spec_with(norm="none", block=block, expansion=1, layers=layers))
    images = torch.randn(8, 3, 16, 16)
    stem = network.stem(images)
    torch.testing.assert_close(network.layers[0](stem), stem)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    before = {name: value.clone() for name, value in network.named_parameters()}
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(network(images), torch.arange(8)).backward()
        optimizer.step()
    resting = [name for name, value in network.named_parameters() if torch.equal(value, before[name])]
    assert len(resting) < 0.05 * len(before), "but for blocks whose ReLUs are all dead"


def test_convolutions_start_with_he_s_spread() -> None:
    layers = [{"channels": 64, "blocks": 1}, {"channels": 128, "blocks": 1}]
    network = build(spec_with(stem_channels=64, layers=layers))
    weight = network.layers[1][0].body[3].weight  # 128 to 128 channels, 3x3
    assert weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)


def test_identity_filters_pass_channels_on_as_airbench_s_do() -> None:
    network = build(spec_with(identity_filters=True, stem="whitening", layers=[{"channels": 48}, {"channels": 6}]))
    (wider, _, _, square, *_), narrower = network.layers[0][0].body, network.layers[1][0].skip[0]
    x = torch.randn(2, 24, 15, 15)
    torch.testing.assert_close(wider(x)[:, :24], x)  # the first 24 of 48 filters
    x = torch.randn(2, 48, 15, 15)
    torch.testing.assert_close(square(x), x)
    torch.testing.assert_close(narrower(x), x[:, :6, ::2, ::2])
    others = wider.weight[24:]
    assert others.std().item() == pytest.approx((2 / (48 * 9)) ** 0.5, rel=0.05)
    assert network.stem[0].weight.count_nonzero() == network.stem[0].weight.numel()  # not touched


def test_activations_named_are_the_ones_that_act() -> None:
    x = torch.linspace(-3, 3, 50)
    for name in choices_of(Activation):
        expected = getattr(F, name)(x)
        activation = build(spec_with(activation=name)).stem[-1]
        torch.testing.assert_close(activation(x.clone()), expected)


@pytest.mark.parametrize(
    ("attention", "block"), list(zip(choices_of(Attention), cycle(choices_of(Block)), strict=False))
)
def test_channels_last_and_one_graph_give_the_same_logits(attention: str, block: str) -> None:
    """One graph without a break is what compiling and CUDA graphs need; it is traced here, not compiled."""
    spec = spec_with(block=block, attention=attention, pool_kind="gem")
    network, images = build(spec).eval(), images_for(spec, 2)
    with torch.no_grad():
        expected = network(images)
        network = network.to(memory_format=torch.channels_last)
        last = images.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(network(last), expected, rtol=1e-4, atol=1e-5)
        torch._dynamo.reset()
        traced = torch.compile(network, backend="eager", fullgraph=True)
        torch.testing.assert_close(traced(last), expected, rtol=1e-4, atol=1e-5)


@few
@given(run_specs())
def test_every_network_runs_in_bfloat16(spec: RunSpec) -> None:
    network = build(spec)
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(images_for(spec, 2)).float().square().mean()
    loss.backward()
    assert loss.isfinite()


def test_a_sampled_convolution_computes_what_a_strided_one_does() -> None:
    images = torch.randn(5, 9, 7, 7, dtype=torch.float64)
    plain = nn.Conv2d(9, 4, 1, 3, bias=False, dtype=torch.float64)
    sampled = SampledConv2d(9, 4, 1, 3, bias=False, dtype=torch.float64)
    sampled.load_state_dict(plain.state_dict())
    for convolution in (plain, sampled):
        convolution(images).square().sum().backward()
    torch.testing.assert_close(sampled(images), plain(images), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(sampled.weight.grad, plain.weight.grad, rtol=1e-12, atol=1e-12)


def test_only_strided_1x1_convolutions_of_few_channels_are_sampled() -> None:
    assert isinstance(_conv(4, 6, 1, 2), SampledConv2d)
    for channels, size, stride in ((8, 1, 2), (4, 3, 2), (4, 1, 1)):
        assert type(_conv(channels, 6, size, stride)) is nn.Conv2d
