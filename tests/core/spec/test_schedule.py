"""Every schedule against torch's scheduler of that name, value by value; and the preview against training's own."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as reference

from core.spec import TrainSpec
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.schedule import ImageSides, LearningRate, Plateau, lookahead_share, preview, updates_per_epoch
from tests.strategies import train_dicts

STEPS = 7  # updates an epoch, wherever a test does not say
fast = settings(max_examples=150, deadline=None)
trains = train_dicts().map(lambda train: parse_spec({"train": train}).train)


def train_with(**train: Any) -> TrainSpec:
    return parse_spec({"train": {"epochs": 10, "learning_rate": 0.2, **train}}).train


def rates(train: TrainSpec, steps_per_epoch: int = STEPS) -> list[float]:
    schedule = LearningRate(train, steps_per_epoch)
    return [schedule.at(step) for step in range(train.epochs * steps_per_epoch)]


def torch_rates(make: Any, count: int, rate: float = 0.2) -> list[float]:
    """What a scheduler of torch sets, update by update."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    scheduler, seen = make(optimizer), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no weights are updated, of which torch would warn
        for _ in range(count):
            seen.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return seen


def test_cosine_falls_as_torch_s() -> None:
    expected = torch_rates(lambda o: reference.CosineAnnealingLR(o, 10 * STEPS, eta_min=0.02), 10 * STEPS)
    assert rates(train_with(schedule="cosine", final_rate=0.1)) == pytest.approx(expected)


def test_cosine_with_a_period_restarts_at_the_top_as_torch_s() -> None:
    expected = torch_rates(lambda o: reference.CosineAnnealingWarmRestarts(o, 3 * STEPS), 10 * STEPS)
    found = rates(train_with(schedule="cosine", period_epochs=3.0))
    assert found == pytest.approx(expected)
    assert found[3 * STEPS] == found[9 * STEPS] == 0.2


def test_cosine_whose_period_is_longer_than_the_training_ends_on_the_way_down() -> None:
    """The reading of its schedule that the preset `report` takes: 20 epochs of a period of 200."""
    train = PRESETS["report"].spec.train
    found = rates(train, 100)
    assert found == pytest.approx(
        torch_rates(lambda o: reference.CosineAnnealingLR(o, 200 * 100), 20 * 100, train.learning_rate)
    )
    assert found[-1] > 0.97 * train.learning_rate


def test_linear_falls_as_torch_s() -> None:
    expected = torch_rates(lambda o: reference.LinearLR(o, 1.0, 0.1, 10 * STEPS), 10 * STEPS)
    assert rates(train_with(schedule="linear", final_rate=0.1)) == pytest.approx(expected)


def test_step_decay_falls_after_each_milestone_as_torch_s() -> None:
    milestones = [2 * STEPS, 5 * STEPS, 9 * STEPS]
    expected = torch_rates(lambda o: reference.MultiStepLR(o, milestones, 0.3), 10 * STEPS)
    found = rates(train_with(schedule="step", milestones=[2, 5, 9], decay_factor=0.3))
    assert found == pytest.approx(expected)


def test_step_decay_without_milestones_falls_at_half_and_three_quarters() -> None:
    found = rates(train_with(schedule="step", epochs=8))
    assert found == pytest.approx([0.2] * 4 * STEPS + [0.02] * 2 * STEPS + [0.002] * 2 * STEPS)


@pytest.mark.parametrize(("warmup", "rise"), [(0.0, 0.3), (4.0, 0.4)])
def test_one_cycle_rises_and_falls_as_torch_s(warmup: float, rise: float) -> None:
    expected = torch_rates(
        lambda o: reference.OneCycleLR(o, 0.2, 10 * STEPS, pct_start=rise, cycle_momentum=False), 10 * STEPS
    )
    found = rates(train_with(schedule="onecycle", warmup_epochs=warmup))
    assert found == pytest.approx(expected)


def test_one_cycle_ends_at_the_lowest_rate_asked_for() -> None:
    assert rates(train_with(schedule="onecycle", final_rate=0.05))[-1] == pytest.approx(0.01)


def test_warm_up_rises_as_torch_s_and_ends_at_the_highest_rate() -> None:
    warmup = 2 * STEPS
    expected = torch_rates(lambda o: reference.LinearLR(o, 1 / (warmup + 1), 1.0, warmup), 10 * STEPS)
    found = rates(train_with(schedule="constant", warmup_epochs=2.0))
    assert found == pytest.approx(expected)
    assert found[0] < 0.2 / warmup
    assert found[warmup] == 0.2


def test_cosine_begins_its_fall_after_the_warm_up() -> None:
    warmed = rates(train_with(schedule="cosine", warmup_epochs=4.0))
    assert warmed[4 * STEPS :] == pytest.approx(rates(train_with(schedule="cosine", epochs=6)))


@fast
@given(
    st.lists(st.floats(0.1, 10.0) | st.sampled_from([1.0, 2.0, math.nan]), min_size=1, max_size=60), st.integers(1, 5)
)
def test_plateau_decays_when_torch_s_does(losses: list[float], patience: int) -> None:
    train = train_with(schedule="plateau", plateau_patience=patience, decay_factor=0.5, final_rate=0.01)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.2)
    theirs = reference.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience - 1, threshold=0.0, min_lr=0.002, eps=0.0
    )
    ours, schedule = Plateau(train), LearningRate(train, STEPS)
    for loss in losses:
        theirs.step(loss)
        reductions = ours.observe(loss)
        assert schedule.at(0, reductions) == pytest.approx(optimizer.param_groups[0]["lr"])


@given(st.lists(st.floats(0.1, 10.0), min_size=2, max_size=30), st.data())
def test_a_plateau_resumed_from_its_state_goes_on_as_if_never_interrupted(
    losses: list[float], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(losses)))
    whole, before, after = (Plateau(train_with(plateau_patience=2)) for _ in range(3))
    for loss in losses[:cut]:
        before.observe(loss)
    after.load_state_dict(before.state_dict())
    for loss in losses[cut:]:
        after.observe(loss)
    assert [whole.observe(loss) for loss in losses][-1] == after.reductions
    assert whole.state_dict() == after.state_dict()


@fast
@given(trains, st.integers(1, 40))
def test_every_rate_is_between_zero_and_the_highest(train: TrainSpec, steps_per_epoch: int) -> None:
    schedule = LearningRate(train, steps_per_epoch)
    for step in np.linspace(0, schedule.total - 1, 50).astype(int):
        assert 0 <= schedule.at(int(step)) <= train.learning_rate * (1 + 1e-12)


@fast
@given(trains, st.integers(1, 5000))
def test_the_preview_shows_the_rates_that_training_uses(train: TrainSpec, num_images: int) -> None:
    epochs, shown = preview(train, num_images, points=50)
    steps_per_epoch = updates_per_epoch(train, num_images)
    schedule = LearningRate(train, steps_per_epoch)
    assert [schedule.at(round(epoch * steps_per_epoch)) for epoch in epochs] == list(shown)
    assert epochs[0] == 0
    assert (np.diff(epochs) > 0).all()
    assert round(epochs[-1] * steps_per_epoch) == schedule.total - 1


def test_the_preview_keeps_every_jump_sharp() -> None:
    train = train_with(schedule="step", epochs=100, milestones=[33, 67])
    epochs, shown = preview(train, 50_000, points=10)
    for milestone in (33, 67):
        before, after = shown[epochs < milestone][-1], shown[epochs >= milestone][0]
        assert after == pytest.approx(before * 0.1)
        assert epochs[epochs >= milestone][0] == milestone


@pytest.mark.parametrize(
    ("images", "batch", "accumulation", "updates"),
    [(45_000, 128, 1, 352), (100, 50, 1, 2), (101, 50, 2, 2), (3, 50, 4, 1)],
)
def test_a_smaller_last_batch_counts_as_an_update(images: int, batch: int, accumulation: int, updates: int) -> None:
    assert updates_per_epoch(train_with(batch_size=batch, accumulation=accumulation), images) == updates


GROWING = {"grow_images": True, "first_side": 16, "growth_steps": 2, "grown_after": 0.65}


def test_images_grow_in_equal_steps_to_their_full_side() -> None:
    sides = ImageSides(train_with(**GROWING), 32)
    seen = [sides.at(step, 200) for step in range(200)]
    assert [(side, seen.count(side)) for side in dict.fromkeys(seen)] == [(16, 65), (24, 65), (32, 70)]
    assert sides.shares() == pytest.approx({16: 0.325, 24: 0.325, 32: 0.35})
    assert ImageSides(train_with(), 32).shares() == {32: 1.0}


@fast
@given(
    first=st.integers(4, 32),
    steps=st.integers(1, 16),
    after=st.floats(0.01, 0.95),
    total=st.integers(1, 3000),
    cut=st.floats(0, 1),
)
def test_sides_rise_to_the_full_one_and_what_is_left_falls_to_nothing(
    first: int, steps: int, after: float, total: int, cut: float
) -> None:
    growth = {"grow_images": True, "first_side": first, "growth_steps": steps, "grown_after": after}
    sides = ImageSides(train_with(**growth), 40)
    seen = [sides.at(step, total) for step in range(total)]
    assert seen == sorted(seen)
    assert (seen[0], sides.at(total, total)) == (first, 40)
    assert sum(sides.shares().values()) == pytest.approx(1)
    whole, done = sides.left(0, total), round(cut * total)
    assert whole == pytest.approx(sum(share * total * (side / 40) ** 2 for side, share in sides.shares().items()))
    assert 0 <= sides.left(done, total) <= min(whole, total - done) * (1 + 1e-9)
    assert sides.left(total, total) == 0


def test_lookahead_s_share_rises_with_the_cube_of_the_updates_as_airbench94_s() -> None:
    rising = train_with(lookahead_steps=5, lookahead_share=0.774, lookahead_rises=True)
    assert [round(lookahead_share(rising, step, 100), 4) for step in (0, 50, 100, 120)] == [0, 0.0968, 0.774, 0.774]
    assert lookahead_share(train_with(lookahead_steps=5), 3, 100) == 0.5


def test_images_that_do_not_grow_count_whole() -> None:
    assert ImageSides(train_with(), 32).left(30, 100) == 70
