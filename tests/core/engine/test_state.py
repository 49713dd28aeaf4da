"""The state knows its best epoch and when it is over, and draws by seed and epoch alone."""

import numpy as np
import torch

from core.engine.state import alternate_flips, shuffle
from tests.core.engine.toy import make_data, make_spec, run
from tests.core.engine.whole_result import differences, train_with_stops


def test_the_seed_decides_weights_order_and_augmentation():
    data, augment = make_data(), {"crop_padding": 2, "flip": True}
    first, again, other = (
        train_with_stops(make_spec(augment=augment, seed=seed, model={"dropout": 0.3}), data, []) for seed in (1, 1, 2)
    )
    assert differences(first, again) == []
    assert differences(first["state"]["model"], other["state"]["model"])


def test_epochs_differ_in_order():
    assert not torch.equal(shuffle(50, 0, 0), shuffle(50, 0, 1))
    assert sorted(shuffle(50, 3, 4).tolist()) == list(range(50))


def test_the_best_epoch_is_the_most_accurate_on_validation_and_among_equals_the_one_of_lower_loss():
    epochs, finished = run(make_spec(epochs=8, learning_rate=0.03), make_data())
    rank = [(end.metrics["val/accuracy"], -end.metrics["val/loss"]) for end in epochs]
    assert finished.metrics["best/epoch"] == rank.index(max(rank)) + 1
    assert [end.is_best for end in epochs] == [value > max(rank[:i], default=(-1, 0)) for i, value in enumerate(rank)]
    best = epochs[int(finished.metrics["best/epoch"]) - 1]
    assert finished.metrics["best/val_accuracy"] == best.metrics["val/accuracy"]
    assert np.array_equal(finished.predictions["val_best"], best.val_logits)
    assert np.array_equal(finished.predictions["val_last"], epochs[-1].val_logits)


def test_early_stopping_ends_after_so_many_epochs_without_a_lower_validation_loss():
    epochs, finished = run(make_spec(epochs=50, learning_rate=0.5, early_stop_patience=2), make_data())
    losses = [end.metrics["val/loss"] for end in epochs]
    assert finished.reason == "early_stopping"
    assert len(losses) < 50
    assert min(losses) == losses[-3]
    assert min(losses[:-1]) == losses[-3]


def test_a_training_that_stops_at_its_goal_ends_with_the_first_epoch_that_reaches_it():
    spec = {"epochs": 8, "learning_rate": 0.03}
    reached = sorted(end.metrics["val/accuracy"] for end in run(make_spec(**spec), make_data())[0])[4]
    told, _ = run(make_spec(**spec, goal_accuracy=reached), make_data())
    epochs, finished = run(make_spec(**spec, goal_accuracy=reached, stop_at_goal=True), make_data())
    assert (len(told), finished.reason) == (8, "goal")
    assert [end.metrics["val/accuracy"] >= reached for end in epochs] == [*[False] * (len(epochs) - 1), True]
    assert epochs[-1].work.left_to_train == 0


def test_alternating_flips_show_both_sides_of_every_image_in_any_two_epochs_and_half_of_them_at_first():
    first, second, third = (alternate_flips(1000, 7, epoch) for epoch in range(3))
    assert torch.equal(first, ~second)
    assert torch.equal(first, third)
    assert 400 < first.sum() < 600
    assert not torch.equal(first, alternate_flips(1000, 8, 0))
