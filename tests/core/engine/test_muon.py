"""Muon is torch's, on filters as matrices, and leaves the rest to AdamW."""

import copy

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.engine.muon import orthogonalize
from core.engine.optim import build_optimizer, set_learning_rate
from core.spec import TrainSpec
from tests.core.engine.test_optim import RATES, give_gradients


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
        torch.testing.assert_close(mine.reshape(reference.shape), reference, rtol=0.02, atol=5e-3)


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


def test_the_normalised_form_is_that_of_airbench94() -> None:
    """Against a plain loop after cifar10-airbench's `Muon.step`, on one filter of each shape."""
    train = TrainSpec(optimizer="muon", momentum=0.6, muon_iterations=3, muon_normalized=True, weight_decay=0.3)
    ours = nn.Sequential(nn.Conv2d(3, 24, 3, bias=False), nn.Conv2d(24, 8, 3, bias=False), nn.Linear(8, 2))
    filters = [p for p in ours.parameters() if p.ndim == 4]
    plain = [p.detach().clone() for p in filters]
    buffers = [torch.zeros_like(p) for p in plain]
    built = build_optimizer(train, ours)
    for step, rate in enumerate(RATES):
        give_gradients(ours, step)
        gradients = [p.grad.clone() for p in filters]
        set_learning_rate(built, rate)
        built.step()
        for weight, buffer, gradient in zip(plain, buffers, gradients, strict=True):
            buffer.mul_(0.6).add_(gradient)
            direction = gradient.add(buffer, alpha=0.6)
            weight.mul_(len(weight) ** 0.5 / weight.norm())
            weight.add_(orthogonalize(direction.flatten(1)[None], 3)[0].view_as(weight), alpha=-rate)
    for mine, reference in zip(filters, plain, strict=True):
        # bfloat16 has steps of 0.004 near one, and which way it rounds depends on the processor and its threads.
        torch.testing.assert_close(mine, reference, rtol=0.02, atol=5e-3)


def test_more_iterations_come_nearer_to_orthogonal() -> None:
    matrices = torch.randn(4, 20, 50, generator=torch.Generator().manual_seed(0))
    few, many = ((torch.linalg.svdvals(orthogonalize(matrices, count)) - 1).abs().mean() for count in (1, 5))
    assert few > many
