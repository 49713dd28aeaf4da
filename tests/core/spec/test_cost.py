"""Cost by arithmetic: known counts by hand, what a change adds, memory, and fitting a budget.

That the counts equal those of the torch network is tested in tests/core/engine/test_model.py.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.spec import RunSpec, stem_width
from core.spec.cost import DEFAULT_BUDGET, cost_of, fit_to_budget, marginal_parameters, training_memory
from core.spec.parse import SpecError, parse_spec
from core.spec.presets import PRESETS
from tests.strategies import run_specs

fast = settings(max_examples=60, deadline=None)


def changed(spec: RunSpec, *, model: dict[str, Any] | None = None, train: dict[str, Any] | None = None) -> RunSpec:
    plain = spec.model_dump()
    return parse_spec(plain | {"model": plain["model"] | (model or {}), "train": plain["train"] | (train or {})})


def widths(spec: RunSpec) -> list[int]:
    return [spec.model.stem_channels, *(layer.channels for layer in spec.model.layers)]


def with_widths(spec: RunSpec, channels: list[int]) -> RunSpec:
    pairs = zip(spec.model.layers, channels[1:], strict=True)
    layers = [{**layer.model_dump(), "channels": count} for layer, count in pairs]
    return changed(spec, model={"stem_channels": channels[0], "layers": layers})


def times(spec: RunSpec, factor: float) -> RunSpec:
    """All widths times a factor, rounded as people would: to 8 from 16 on."""
    scaled = [count * factor for count in widths(spec)]
    return with_widths(spec, [8 * round(w / 8) if w >= 16 else max(1, round(w)) for w in scaled])


def equal_neighbours(spec: RunSpec) -> list[bool]:
    wide = [stem_width(spec.model, spec.data.num_channels), *widths(spec)[1:]]
    return [before == after for before, after in itertools.pairwise(wide)]


def parameters(spec: RunSpec) -> int:
    return cost_of(spec).parameters


def test_the_report_s_parameters_agree_with_a_count_by_hand() -> None:
    stem = 3 * 16 * 9 + 2 * 16
    layer1 = (16 * 32 * 9 + 3 * 32 * 32 * 9) + 4 * 2 * 32 + (16 * 32 + 2 * 32) + 2 * 2 * 32 * 2
    layer2 = (32 * 128 * 9 + 3 * 128 * 128 * 9) + 4 * 2 * 128 + (32 * 128 + 2 * 128) + 2 * 2 * 128 * 8
    layer3 = (128 * 256 * 9 + 3 * 256 * 256 * 9) + 4 * 2 * 256 + (128 * 256 + 2 * 256) + 2 * 2 * 256 * 16
    linear = 256 * 2 * 2 * 10 + 10
    cost = cost_of(PRESETS["report"].spec)
    assert [layer.parameters for layer in cost.layers] == [stem, layer1, layer2, layer3, linear]
    assert cost.parameters == 2_648_858
    assert [layer.name for layer in cost.layers] == ["stem", "layer 1", "layer 2", "layer 3", "pool + linear"]


def test_resnet20_multiply_adds_agree_with_a_count_by_hand() -> None:
    stem = 32**2 * 9 * 3 * 16
    layer1 = 32**2 * 9 * 6 * 16 * 16
    layer2 = 16**2 * (9 * (16 * 32 + 5 * 32 * 32) + 16 * 32)
    layer3 = 8**2 * (9 * (32 * 64 + 5 * 64 * 64) + 32 * 64)
    cost = cost_of(PRESETS["resnet20"].spec)
    assert [layer.multiply_adds for layer in cost.layers] == [stem, layer1, layer2, layer3, 64 * 10]


def test_the_table_shows_width_and_map_after_each_part() -> None:
    rows = [(layer.channels, layer.map_size) for layer in cost_of(PRESETS["report"].spec).layers]
    assert rows == [(16, 32), (32, 32), (128, 16), (256, 8), (256, 2)]


@fast
@given(run_specs())
def test_what_one_more_block_or_sixteen_channels_add_is_what_they_then_cost(spec: RunSpec) -> None:
    layers = [layer.model_dump() for layer in spec.model.layers]
    for place, (block, channels) in enumerate(marginal_parameters(spec)):
        for field, more, told in (("blocks", 1, block), ("channels", 16, channels)):
            grown = [{**layer, field: layer[field] + more} if at == place else layer for at, layer in enumerate(layers)]
            assert parameters(changed(spec, model={"layers": grown})) - parameters(spec) == told


def test_memory_counts_weights_moments_average_and_a_batch_of_activations() -> None:
    spec = changed(PRESETS["report"].spec, train={"batch_size": 100})
    cost = cost_of(spec)
    batch = 100 * cost.activation_elements * 4
    assert training_memory(spec, cost) == cost.parameters * 4 * 4 + batch  # weights, gradients, two moments
    averaged = changed(spec, train={"ema_decay": 0.99, "optimizer": "sgd"})
    assert training_memory(averaged, cost) == cost.parameters * 4 * 4 + batch  # one moment, and the average
    plain = changed(spec, train={"optimizer": "sgd", "nesterov": False, "momentum": 0.0})
    assert training_memory(plain, cost) == cost.parameters * 4 * 2 + batch


def test_memory_in_bfloat16_halves_the_activations_and_adds_a_copy_of_the_weights() -> None:
    spec = PRESETS["resnet18"].spec
    cost = cost_of(spec)
    weights = cost.parameters * (3 * 4 + 2)
    assert training_memory(spec, cost, bytes_per_value=2) == weights + cost.activation_elements * 128 * 2


@fast
@given(run_specs(), st.integers(10_000, 20_000_000))
def test_a_fitted_network_is_never_over_the_budget_and_is_a_valid_spec(spec: RunSpec, budget: int) -> None:
    try:
        fitted = fit_to_budget(spec, budget)
    except SpecError:
        assert parameters(with_widths(spec, [1] * len(widths(spec)))) > budget
        return
    assert parameters(fitted) <= budget
    assert parse_spec(fitted.model_dump()) == fitted
    assert with_widths(fitted, widths(spec)) == spec  # nothing but the widths changed
    assert all(width < 16 or width % 8 == 0 for width in widths(fitted))


@fast
@given(run_specs(), st.integers(50_000, 5_000_000))
def test_no_larger_factor_would_have_come_closer(spec: RunSpec, budget: int) -> None:
    fitted = fit_to_budget(spec, budget)
    reached = max(widths(fitted)) / max(widths(spec))
    widest = 4096 / max(widths(spec))
    others = [times(spec, min(widest, reached * (0.9 + 0.01 * step))) for step in range(25)]
    # Where rounding makes neighbours equally wide a convolution falls away, and the network is another.
    assume(equal_neighbours(fitted) == equal_neighbours(spec))
    others = [other for other in others if equal_neighbours(other) == equal_neighbours(spec)]
    counts = [count for count in map(parameters, others) if count <= budget]
    assert parameters(fitted) >= max(counts, default=0)


@fast
@given(run_specs(), st.integers(100_000, 20_000_000))
def test_fitting_keeps_the_proportions_of_the_widths(spec: RunSpec, budget: int) -> None:
    before, after = widths(spec), widths(fit_to_budget(spec, budget))
    for (a, b), (c, d) in zip(itertools.combinations(before, 2), itertools.combinations(after, 2), strict=True):
        if a == b:
            assert c == d
        # Each width is at most half a step from its share, and one step wider where the budget still let it.
        assert abs(c / a - d / b) <= 13 / a + 13 / b


@pytest.mark.parametrize("name", PRESETS)
def test_presets_come_within_three_percent_of_five_million(name: str) -> None:
    # One step of 8 channels of two wide layers that share a width is more than two.
    assert 0.97 * DEFAULT_BUDGET < parameters(fit_to_budget(PRESETS[name].spec)) <= DEFAULT_BUDGET


def test_a_budget_that_nothing_meets_is_refused_with_the_least_count() -> None:
    spec = PRESETS["report"].spec
    least = parameters(with_widths(spec, [1, 1, 1, 1]))
    assert widths(fit_to_budget(spec, least)) == [1, 1, 1, 1]
    with pytest.raises(SpecError, match=f"even with one channel everywhere there are {least} parameters"):
        fit_to_budget(spec, least - 1)


def test_a_budget_beyond_every_width_stops_at_the_widest_layer_allowed() -> None:
    spec = parse_spec({"model": {"layers": [{"channels": 8, "blocks": 1, "filter_size": 1}], "stem_channels": 4}})
    fitted = fit_to_budget(spec, 10**12)
    assert widths(fitted) == [2048, 4096]
    assert parse_spec(fitted.model_dump()) == fitted
