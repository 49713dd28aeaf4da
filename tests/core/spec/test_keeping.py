"""The rule for checkpoints, held against the rate of every update and against a file that torch wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine import checkpoint
from core.spec.cost import cost_of
from core.spec.keeping import estimate_keeping, find_drops, keeps_always, tell_keeping
from core.spec.schedule import LearningRate
from core.spec.settings import set_values
from tests.core.engine.toy import make_data, make_spec, run

STEP = {"schedule": "step", "keep_before_drops": True}


@given(
    epochs=st.integers(1, 20),
    updates=st.integers(1, 30),
    milestones=st.lists(st.integers(1, 25), max_size=4, unique=True).map(sorted),
)
def test_a_drop_comes_after_the_last_epoch_that_ended_with_the_rate_before(
    epochs: int, updates: int, milestones: list[int]
) -> None:
    train = make_spec(epochs=epochs, milestones=milestones, schedule="step", decay_factor=0.5).train
    rate = LearningRate(train, updates)
    rates = [rate.at(epoch * updates - 1) for epoch in range(1, epochs + 1)]
    expected = {epoch for epoch in range(1, epochs) if rates[epoch] < rates[epoch - 1]}
    assert find_drops(train, updates) == expected


def test_every_kth_epoch_is_kept_and_those_before_a_drop() -> None:
    train = make_spec(epochs=10, keep_every=4, milestones=[3, 6], **STEP).train
    drops = find_drops(train, 5)
    assert [epoch for epoch in range(1, 11) if keeps_always(train, epoch, drops)] == [3, 4, 6, 8]
    plain = make_spec(epochs=10, schedule="step").train
    assert not any(keeps_always(plain, epoch, find_drops(plain, 5)) for epoch in range(1, 11))


def test_how_many_are_kept_at_most() -> None:
    def count(**settings: object) -> int:
        spec = make_spec(epochs=10, **settings)
        return estimate_keeping(spec, cost_of(spec)).count

    assert count() == 3
    assert count(keep_every=1) == 10
    assert count(keep_every=4) == 5  # 4, 8, 9, 10 and the best
    assert count(milestones=[3, 6], **STEP) == 5
    single = make_spec(epochs=1)
    assert estimate_keeping(single, cost_of(single)).count == 1


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adam", "ema_decay": 0.9}, {"lookahead_steps": 2}])
def test_the_bytes_are_those_of_a_checkpoint(settings: dict[str, object], tmp_path: Path) -> None:
    model = {"stem_channels": 32, "layers": [{"channels": 64, "blocks": 1}, {"channels": 128, "blocks": 1}]}
    spec = make_spec(model=model, epochs=1, **{"optimizer": "sgd", **settings})
    checkpoint.save(run(spec, make_data(40, 20, 20))[0][-1].state, tmp_path / "one.safetensors")
    assert estimate_keeping(spec, cost_of(spec)).bytes == pytest.approx(
        (tmp_path / "one.safetensors").stat().st_size, rel=0.1
    )


def test_the_cost_is_told_where_the_rule_is_more_than_usual() -> None:
    spec = make_spec(epochs=10)
    assert tell_keeping(spec, cost_of(spec)) == ""
    every = set_values(spec, {"train.keep_every": 5})
    assert tell_keeping(every, cost_of(every)).startswith("Keeps up to 4 checkpoints, about ")
    plateau = set_values(spec, {"train.schedule": "plateau", "train.keep_before_drops": True})
    assert tell_keeping(plateau, cost_of(plateau)).endswith("of disk, and one more for each drop of the rate.")
