"""Optimizers are torch's own, whatever form of them is fastest."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.engine.muon import orthogonalize
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
from tests.core.engine.toy import make_spec

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


@settings(max_examples=8, deadline=None)
@given(
    weight_decay=st.floats(0, 0.1),
    momentum=st.floats(0, 0.99),
    nesterov=st.booleans(),
    channels=st.integers(2, 40),
    seed=st.integers(0, 1000),
)
def test_muon_makes_the_updates_of_torchs_muon_on_flattened_filters_and_of_adamw_on_the_rest(
    weight_decay, momentum, nesterov, channels, seed
):
    train = TrainSpec(optimizer="muon", weight_decay=weight_decay, momentum=momentum, nesterov=nesterov)
    torch.manual_seed(seed)
    # Two filters of one shape, which go through one product, one of another, and one that is taller than wide.
    sizes = [(3, channels, 3), (channels, channels, 3), (channels, channels, 3), (channels, 2 * channels, 1)]
    ours = nn.Sequential(
        *(nn.Conv2d(into, out, side, bias=False) for into, out, side in sizes),
        nn.BatchNorm2d(2 * channels),
        nn.Linear(2 * channels, 10),
    ).to(memory_format=torch.channels_last)
    theirs = copy.deepcopy(ours)
    filters = [p for p in theirs.parameters() if p.ndim == 4]
    flat = [nn.Parameter(p.detach().flatten(1).clone()) for p in filters]
    muon = torch.optim.Muon(
        flat,
        lr=1.0,
        weight_decay=weight_decay,
        momentum=momentum,
        nesterov=nesterov,
        adjust_lr_fn="match_rms_adamw",
    )
    head, norms = [p for p in theirs.parameters() if p.ndim == 2], [p for p in theirs.parameters() if p.ndim == 1]
    adamw = torch.optim.AdamW(
        [{"params": head, "weight_decay": weight_decay}, {"params": norms, "weight_decay": 0.0}], lr=1.0, fused=False
    )
    built = build_optimizer(train, ours)
    for step, rate in enumerate(RATES):
        for model in (ours, theirs):
            give_gradients(model, seed + step)
        for matrix, weight in zip(flat, filters, strict=True):
            matrix.grad = weight.grad.flatten(1)
        for group in [*muon.param_groups, *adamw.param_groups]:
            group["lr"] = rate
        set_learning_rate(built, rate)
        for optimizer in (muon, adamw, built):
            optimizer.step()
    expected = [*flat, *head, *norms]
    found = [p for ndim in (4, 2, 1) for p in ours.parameters() if p.ndim == ndim]
    for mine, reference in zip(found, expected, strict=True):
        # The iterations round to bfloat16, in another order where matrices are stacked.
        torch.testing.assert_close(mine.reshape(reference.shape), reference, rtol=0.02, atol=2e-3)


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 60), columns=st.integers(1, 60), count=st.integers(1, 3), seed=st.integers(0, 1000))
def test_orthogonalized_matrices_have_singular_values_near_one(rows, columns, count, seed):
    matrices = torch.randn(count, rows, columns, generator=torch.Generator().manual_seed(seed))
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    values = torch.linalg.svdvals(left @ torch.diag_embed(torch.linspace(1.0, 0.3, min(rows, columns))) @ right)
    assert values.min() > 0.29  # what the iterations are given; a matrix near a lower rank would take more of them
    found = torch.linalg.svdvals(orthogonalize(left @ torch.diag_embed(values) @ right))
    assert found.min() > 0.5
    assert found.max() < 1.3


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
@given(decay=st.floats(0.01, 0.999))
def test_weight_averaging_is_an_exponential_mean_that_starts_at_the_first_update(decay):
    model = make_model()
    average = build_average(TrainSpec(ema_decay=decay), model)
    assert average is not None
    expected = None
    for step in range(4):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(step)))
            model[1].running_mean.fill_(step)
        update_average(average, model, is_first=step == 0)
        now = [*model.parameters(), model[1].running_mean]
        now = [value.detach().clone() for value in now]
        expected = (
            now if expected is None else [decay * e + (1 - decay) * n for e, n in zip(expected, now, strict=True)]
        )
    found = [*average.module.parameters(), average.module[1].running_mean]
    for mine, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.detach(), reference)


def test_weight_averaging_is_off_at_zero():
    assert build_average(TrainSpec(ema_decay=0), make_model()) is None
