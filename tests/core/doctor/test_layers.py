"""Rules about layers name them as people do, with their norms."""

from dataclasses import replace

import numpy as np

from core.doctor.layers import lack_norms, see_dead, see_exploding, see_not_finite, see_tiny_batches
from core.doctor.observed import Observed
from tests.core.doctor.watched import recorded, spec_of, watch

NORMED = spec_of(train={"epochs": 3, "layer_norms": True, "learning_rate": 0.1})


def with_norms(**norms: list[float]) -> Observed:
    observed = watch(NORMED, train_loss=[2.3, 2.3, 2.3])
    layer = "norms/layers.0.0.body.0"
    sound = {"weights": [1.0, 1.0, 1.0], "gradients": [0.1, 0.1, 0.1], "updates": [1e-3, 1e-3, 1e-3]}
    columns = {f"{layer}/{kind}": np.array(values) for kind, values in (sound | norms).items()}
    return replace(observed, rows={**observed.rows, **columns})


def test_a_dead_layer_is_named_with_its_norms() -> None:
    found = see_dead(with_norms(gradients=[0.1, 0.0, 0.0]))
    assert found is not None
    assert "1 of 1 layers get no gradient: Layer 1, block 1, convolution 1" in found.evidence
    assert see_dead(with_norms()) is None
    assert see_dead(with_norms(gradients=[0.1, 0.0, 0.1])) is None  # one batch without a gradient
    assert lack_norms(2, with_norms()) == ""
    assert "Layer norms" in lack_norms(2, watch())


def test_layers_explode_by_their_length_or_by_one_update() -> None:
    long, thrown = see_exploding(with_norms(weights=[1, 5, 20])), see_exploding(with_norms(updates=[0.01, 0.01, 0.7]))
    assert long is not None
    assert thrown is not None
    assert "is 20, after the first epoch it was 1.0, at the start at most 16.0" in long.evidence
    assert "by 0.7 of their norm" in thrown.evidence
    assert see_exploding(with_norms()) is None


def test_a_loss_that_is_no_number_is_told_as_the_run_told_it() -> None:
    reason = "The loss became NaN in epoch 2, by update 9, at a learning rate of 30. Try a learning rate below 30."
    found = see_not_finite(replace(watch(train_loss=[2.5]), state="failed", kind="nan", reason=reason))
    assert found is not None
    assert found.evidence.startswith("The loss became NaN in epoch 2")
    assert "Try" not in found.evidence
    assert see_not_finite(watch(val_loss=[2.0, np.nan])) is not None
    assert see_not_finite(watch(val_loss=[2.0, 1.0])) is None


def test_accumulation_does_not_help_tiny_batches() -> None:
    found = see_tiny_batches(watch(spec_of(train={"batch_size": 4, "accumulation": 16})))
    assert found is not None
    assert "Gradient accumulation does not change that" in found.evidence
    assert found.fixes[0].values == {"train.batch_size": 32, "train.accumulation": 2}  # 64 images an update as before
    assert found.fixes[1].values == {"model.norm": "group"}
    assert see_tiny_batches(watch(spec_of(train={"batch_size": 8}))) is None
    assert see_tiny_batches(watch(spec_of(train={"batch_size": 4}, model={"norm": "group"}))) is None


def test_recorded_trainings_are_seen() -> None:
    for illness, look in (("dead_layers", see_dead), ("exploding_layers", see_exploding)):
        assert all(any(map(look, (one.observed.until(epoch) for epoch in range(2, 7)))) for one in recorded(illness))
    assert all(see_not_finite(one.observed) for one in recorded("not_finite"))
