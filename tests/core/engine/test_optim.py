"""Optimizers are torch's own, whatever form of them is fastest."""

import copy
import textwrap
import traceback
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.engine.model import build_model
from core.engine.optim import (
    Lookahead,
    build_average,
    build_optimizer,
    group_parameters,
    restore_moments,
    set_learning_rate,
    update_average,
)
from core.spec import TrainSpec
from core.spec.cost import cost_of
from tests.core.engine.toy import make_spec
from tests.core.workers import make_fork

PLAIN = {
    "sgd": lambda groups, train: torch.optim.SGD(
        groups, lr=1.0, momentum=train.momentum, nesterov=train.nesterov, foreach=False, fused=False
    ),
    "adam": lambda groups, train: torch.optim.Adam(groups, lr=1.0, foreach=False, fused=False),
    "adamw": lambda groups, train: torch.optim.AdamW(groups, lr=1.0, foreach=False, fused=False),
}
RATES = [0.1, 0.05, 0.2, 0.01]


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))


def give_gradients(model: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("optimizer", PLAIN)
@pytest.mark.parametrize("decay_norms_biases", [True, False])
@settings(max_examples=8, deadline=None)
@given(weight_decay=st.floats(0, 0.1), momentum=st.floats(0.1, 0.99), nesterov=st.booleans(), seed=st.integers(0, 1000))
def test_each_optimizer_makes_the_updates_of_torchs_plain_one(
    optimizer, decay_norms_biases, weight_decay, momentum, nesterov, seed
):
    train = TrainSpec(
        optimizer=optimizer,
        weight_decay=weight_decay,
        momentum=momentum,
        nesterov=nesterov,
        decay_norms_biases=decay_norms_biases,
    )
    ours, theirs = make_model(), make_model()
    spared = [] if decay_norms_biases else [p for p in theirs.parameters() if p.ndim == 1]
    groups = [
        {"params": [p for p in theirs.parameters() if decay_norms_biases or p.ndim > 1], "weight_decay": weight_decay},
        *([{"params": spared, "weight_decay": 0.0}] if spared else []),
    ]
    plain, built = PLAIN[optimizer](groups, train), build_optimizer(train, ours)
    for step, rate in enumerate(RATES):
        for model in (ours, theirs):
            give_gradients(model, seed + step)
        for group in plain.param_groups:
            group["lr"] = rate
        set_learning_rate(built, rate)
        plain.step()
        built.step()
    for mine, reference in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", PLAIN)
def test_weights_in_channels_last_are_updated_as_any_others(optimizer):
    # torch 2.15's fused Adam takes numbers in the order of memory: a gradient in another order would go to other
    # weights. Autograd keeps both in one order, as a fused update of a network in channels_last needs.
    train = TrainSpec(optimizer=optimizer, weight_decay=0.01)
    ours, theirs = make_model().to(memory_format=torch.channels_last), make_model()
    mine = build_optimizer(train, ours)
    plain = PLAIN[optimizer](group_parameters(train, theirs), train)
    for step in range(4):
        for model, updates in ((ours, mine), (theirs, plain)):
            images = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(step))
            updates.zero_grad()
            model(images.to(memory_format=torch.channels_last)).square().sum().backward()
            set_learning_rate(updates, 0.01)
            updates.step()
    assert ours[0].weight.grad.stride() == ours[0].weight.stride() != theirs[0].weight.stride()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("optimizer", [*PLAIN, "muon"])
def test_biases_and_head_go_at_rates_of_their_own(optimizer):
    def move(train):
        spec = make_spec()
        model = build_model(spec.model, spec.data.num_classes, spec.data.image_size)
        before = {name: value.clone() for name, value in model.named_parameters()}
        built = build_optimizer(train, model)
        give_gradients(model, 0)
        set_learning_rate(built, 0.01)
        built.step()
        return {name: before[name] - value for name, value in model.named_parameters()}

    torch.manual_seed(0)
    same = {"optimizer": optimizer, "weight_decay": 0.0}
    alike = move(TrainSpec(**same))
    torch.manual_seed(0)
    apart = move(TrainSpec(**same, bias_rate=0.5, head_rate=4.0))
    for name, change in alike.items():
        factor = 0.5 if change.ndim == 1 else 4.0 if name == "linear.weight" else 1.0
        torch.testing.assert_close(apart[name].detach(), factor * change.detach(), rtol=1e-3, atol=1e-5)


def test_what_is_frozen_is_in_no_group_and_never_changes():
    spec = make_spec(model={"stem": "whitening", "norm_scale": False})
    model = build_model(spec.model, spec.data.num_classes, spec.data.image_size)
    grouped = {p for group in group_parameters(spec.train, model) for p in group["params"]}
    frozen = {name for name, p in model.named_parameters() if p not in grouped}
    assert "stem.0.weight" in frozen
    assert all(name == "stem.0.weight" or model.get_parameter(name).eq(1).all() for name in frozen)
    assert sum(p.numel() for p in grouped) == cost_of(spec).parameters


def test_every_weight_is_in_exactly_one_group_and_only_filters_and_matrices_decay():
    model = make_model()
    decayed, spared = group_parameters(TrainSpec(decay_norms_biases=False), model)
    assert [p.ndim for p in decayed["params"]] == [4, 2]
    assert [p.ndim for p in spared["params"]] == [1, 1, 1]
    assert spared["weight_decay"] == 0
    (everything,) = group_parameters(TrainSpec(decay_norms_biases=True), model)
    assert len(everything["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize("optimizer", [*PLAIN, "muon"])
def test_a_restored_optimizer_goes_on_as_if_it_had_never_stopped(optimizer):
    train = make_spec(optimizer=optimizer).train
    straight = make_model()
    first = build_optimizer(train, straight)
    give_gradients(straight, 1)
    first.step()

    resumed = copy.deepcopy(straight)
    second = build_optimizer(train, resumed)
    restore_moments(second, copy.deepcopy(first.state_dict()["state"]))
    for model, built in ((straight, first), (resumed, second)):
        set_learning_rate(built, 0.01)
        give_gradients(model, 2)
        built.step()
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_lookahead_falls_half_way_back_to_where_it_last_did():
    model = nn.Linear(1, 1, bias=False)
    lookahead = Lookahead(model)
    start, found = model.weight.item(), []
    for moved in (2.0, 4.0):
        with torch.no_grad():
            model.weight += moved
        lookahead.pull_back()
        found.append(round(model.weight.item() - start, 5))
    assert found == [1.0, 3.0]


def test_restoring_keeps_the_specs_weight_decay_and_the_rate_in_use():
    saved = build_optimizer(TrainSpec(weight_decay=0.1), make_model()).state_dict()["state"]
    built = build_optimizer(TrainSpec(weight_decay=0.3), make_model())
    restore_moments(built, saved)
    assert built.param_groups[0]["weight_decay"] == 0.3


@settings(max_examples=10, deadline=None)
@given(decay=st.floats(0.01, 0.999), updates=st.integers(1, 30))
def test_weight_averaging_is_an_exponential_mean_whose_decay_begins_low(decay, updates):
    model = make_model()
    average = build_average(TrainSpec(ema_decay=decay), model)
    assert average is not None
    expected = [value.clone() for value in model.state_dict().values()]
    for step in range(updates):
        now = dict(model.state_dict())
        for number, value in enumerate(now.values()):
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(100 * step + number)))
            else:
                value.fill_(step)
        update_average(average, model, decay)
        keep = min(decay, (1 + step) / (10 + step))
        expected = [
            keep * mean + (1 - keep) * value if value.is_floating_point() else value.clone()
            for mean, value in zip(expected, now.values(), strict=True)
        ]
    for mine, reference in zip(average.module.state_dict().values(), expected, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-6)


def test_of_the_random_start_nothing_is_left_after_a_short_training():
    model = make_model()
    average = build_average(TrainSpec(ema_decay=0.9999), model)
    assert average is not None
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3.0)
    for _ in range(50):
        update_average(average, model, 0.9999)
    for parameter in average.module.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 3.0))


def test_the_updates_of_an_average_are_counted_on_the_models_device():
    """A count on another device is a constant to a graph, which would replay one decay for ever."""
    with torch.device("meta"):
        model = make_model()
    average = build_average(TrainSpec(ema_decay=0.9), model)
    assert average is not None
    assert {tensor.device.type for tensor in average.state_dict().values()} == {"meta"}
    update_average(average, model, 0.9)


def test_weight_averaging_is_off_at_zero():
    assert build_average(TrainSpec(ema_decay=0), make_model()) is None


# Without the compiler


def run_alone(code: str, told: Path) -> None:
    """In a process of its own: what it imports, and what it changes in torch, concerns no other test."""
    process = make_fork(_run_alone, textwrap.dedent(code), told)
    process.join()
    assert process.exitcode == 0, told.read_text()


def _run_alone(code: str, told: Path) -> None:
    try:
        exec(code, {})
    except BaseException:
        told.write_text(traceback.format_exc())
        raise


def test_no_optimizer_imports_the_compiler(tmp_path: Path) -> None:
    code = """
        import sys

        from tests.core.engine.toy import make_data, make_spec, run

        for optimizer in ("sgd", "adam", "adamw", "muon"):
            run(make_spec(optimizer=optimizer, epochs=1, ema_decay=0.9, lookahead_steps=2), make_data(20, 5, 5))
        assert "torch._dynamo" not in sys.modules
    """
    run_alone(code, tmp_path / "told")


def test_updates_are_those_of_torchs_optimizers_to_the_bit(tmp_path: Path) -> None:
    code = """
        import torch
        from torch.optim import SGD, Adam, AdamW

        from core.engine.optim import skip_compiler_import

        def update(kind, **settings):
            torch.manual_seed(0)
            weight = torch.nn.Parameter(torch.randn(5, 3))
            optimizer = kind([weight], lr=0.1, weight_decay=0.01, fused=True, **settings)
            for _ in range(3):
                optimizer.zero_grad()
                (weight**2).sum().backward()
                optimizer.step()
            restored = kind([weight], lr=0.3, fused=True)
            restored.load_state_dict(optimizer.state_dict())
            restored.step()
            return weight.detach().clone()

        kinds = [(SGD, {"momentum": 0.9, "nesterov": True}), (Adam, {}), (AdamW, {})]
        wrapped = [update(kind, **settings) for kind, settings in kinds]
        skip_compiler_import()
        skip_compiler_import()
        bare = [update(kind, **settings) for kind, settings in kinds]
        assert all(torch.equal(one, other) for one, other in zip(wrapped, bare, strict=True))
        assert torch.is_grad_enabled()
    """
    run_alone(code, tmp_path / "told")
