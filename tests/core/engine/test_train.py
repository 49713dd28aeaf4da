"""Training follows its spec and tells the truth."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from core.engine import checkpoint
from core.engine import train as train_module
from core.engine.augment import Augment
from core.engine.events import EpochEnd, Finished, Progress, Started, TrainingError
from core.engine.model import build_model
from core.engine.state import WEIGHTS, alternate_flips, seed_of, shuffle
from core.engine.train import split_batches, train
from core.spec.schedule import LearningRate, updates_per_epoch
from tests.core.engine.toy import NUM_CLASSES, PLAIN, SIZE, make_data, make_spec, run
from tests.core.engine.whole_result import differences, train_with_stops, without_clock

# --- the method ---------------------------------------------------------------------------------------------------


def train_plainly(spec, data):
    """The loop of every tutorial, on the same weights and the same order of images: weights, and losses by epoch."""
    torch.manual_seed(seed_of(WEIGHTS, spec.train.seed))
    model = build_model(spec.model, NUM_CLASSES, SIZE).train()
    train_spec = spec.train
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1.0, momentum=train_spec.momentum, nesterov=True, weight_decay=train_spec.weight_decay
    )
    rate = LearningRate(train_spec, updates_per_epoch(train_spec, len(data.train)))
    average, losses, step = None, [], 0
    slow = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for epoch in range(train_spec.epochs):
        batches = shuffle(len(data.train), train_spec.seed, epoch).split(train_spec.batch_size)
        epoch_losses = []
        for first in range(0, len(batches), train_spec.accumulation):
            group = batches[first : first + train_spec.accumulation]
            optimizer.zero_grad()
            for batch in group:
                inputs = (data.train.images[batch] / 255 - 0.5) / 0.25
                loss = F.cross_entropy(
                    model(inputs), data.train.labels[batch], label_smoothing=train_spec.label_smoothing, reduction="sum"
                )
                (loss / sum(len(other) for other in group)).backward()
                epoch_losses.append(loss.item())
            if train_spec.clip_norm:
                torch.nn.utils.clip_grad_norm_(model.parameters(), train_spec.clip_norm)
            optimizer.param_groups[0]["lr"] = rate.at(step)
            optimizer.step()
            step += 1
            if train_spec.lookahead_steps and step % train_spec.lookahead_steps == 0:
                for name, weight in model.named_parameters():
                    slow[name] += 0.5 * (weight.detach() - slow[name])
                    weight.data.copy_(slow[name])
            now = {name: value.clone() for name, value in model.state_dict().items()}
            decay = train_spec.ema_decay if average else 0.0
            average = {k: (decay * average[k] if average else 0) + (1 - decay) * v for k, v in now.items()}
        losses.append(sum(epoch_losses) / len(data.train))
    return average, losses


@pytest.mark.parametrize(
    "settings_",
    [
        {},
        {"accumulation": 3},
        {"label_smoothing": 0.2},
        {"clip_norm": 0.5},
        {"ema_decay": 0.7},
        {"lookahead_steps": 2},
        {"lookahead_steps": 3, "ema_decay": 0.7},
        {"schedule": "onecycle", "warmup_epochs": 1.0},
    ],
    ids=str,
)
def test_training_equals_a_plain_loop(settings_):
    spec = make_spec(
        optimizer="sgd", learning_rate=0.05, weight_decay=1e-3, decay_norms_biases=True, epochs=3, **settings_
    )
    data = make_data()
    weights, losses = train_plainly(spec, data)
    epochs, _ = run(spec, data)
    assert [end.metrics["train/loss"] for end in epochs] == pytest.approx(losses, rel=1e-4)
    found = checkpoint.weights_of(epochs[-1].state)
    for name, value in weights.items():
        if value.is_floating_point() and "num_batches" not in name:
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_training_learns():
    epochs, _ = run(make_spec(epochs=6, learning_rate=0.02), make_data(num_train=300, num_val=100))
    assert epochs[-1].metrics["val/loss"] < epochs[0].metrics["val/loss"]
    assert epochs[-1].metrics["train/accuracy"] > 0.3


def test_the_rate_shown_is_the_rate_of_the_epochs_last_update():
    spec = make_spec(epochs=3, learning_rate=0.5, optimizer="sgd", schedule="linear")
    epochs, _ = run(spec, make_data())
    rate = LearningRate(spec.train, 5)
    assert [end.metrics["learning_rate"] for end in epochs] == [rate.at(step) for step in (4, 9, 14)]
    assert [end.metrics["step"] for end in epochs] == [5, 10, 15]


def test_a_plateau_lowers_the_rate():
    spec = make_spec(epochs=6, schedule="plateau", plateau_patience=1, learning_rate=0.5, decay_factor=0.1)
    epochs, _ = run(spec, make_data())
    lowest, reductions, expected = float("inf"), 0, []
    for end in epochs:
        expected.append(0.5 * 0.1**reductions)
        reductions += end.metrics["val/loss"] >= lowest
        lowest = min(lowest, end.metrics["val/loss"])
    assert reductions > 0
    assert [end.metrics["learning_rate"] for end in epochs] == pytest.approx(expected)


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


@given(count=st.integers(1, 500), batch_size=st.integers(1, 600))
def test_batches_hold_every_image_once_and_are_as_many_as_the_schedule_counts(count, batch_size):
    batches = split_batches(count, batch_size)
    assert [place for start, stop in batches for place in range(start, stop)] == list(range(count))
    assert len(batches) == updates_per_epoch(make_spec(batch_size=batch_size).train, count)
    assert all(0 < stop - start <= batch_size for start, stop in batches)
    if batch_size > 2 and count > 1:
        assert all(stop - start > 1 for start, stop in batches)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_precision_that_is_told_is_the_one_computed_in(precision, monkeypatch):
    seen, build = [], train_module.TrainState

    def watch(*args):
        state = build(*args)
        state.model.stem.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        return state

    monkeypatch.setattr(train_module, "TrainState", watch)
    events = list(train(make_spec(precision=precision), make_data()))
    assert events[0].precision == precision
    assert set(seen) == {getattr(torch, precision)}


# --- events -------------------------------------------------------------------------------------------------------


def test_events_come_in_order_and_count_the_epochs():
    spec, data = make_spec(epochs=3), make_data()
    events = [event for event in train(spec, data) if not isinstance(event, Progress)]
    assert [type(event) for event in events] == [Started, EpochEnd, EpochEnd, EpochEnd, Finished]
    assert [event.epoch for event in events[1:4]] == [1, 2, 3]
    model = build_model(spec.model, NUM_CLASSES, SIZE)
    assert events[0].parameters == sum(parameter.numel() for parameter in model.parameters())
    assert events[0].updates_per_epoch == 5


def test_figures_of_an_epoch_are_those_of_its_logits():
    data = make_data()
    epochs, _ = run(make_spec(), data)
    for end in epochs:
        logits = torch.from_numpy(end.val_logits).float()
        assert end.metrics["val/accuracy"] == (logits.argmax(1) == data.val.labels).double().mean().item()
        assert end.metrics["val/loss"] == pytest.approx(F.cross_entropy(logits, data.val.labels).item(), rel=1e-3)


def test_the_best_epoch_is_the_most_accurate_on_validation_and_among_equals_the_one_of_lower_loss():
    epochs, finished = run(make_spec(epochs=8, learning_rate=0.03), make_data())
    rank = [(end.metrics["val/accuracy"], -end.metrics["val/loss"]) for end in epochs]
    assert finished.metrics["best/epoch"] == rank.index(max(rank)) + 1
    assert [end.is_best for end in epochs] == [value > max(rank[:i], default=(-1, 0)) for i, value in enumerate(rank)]
    best = epochs[int(finished.metrics["best/epoch"]) - 1]
    assert finished.metrics["best/val_accuracy"] == best.metrics["val/accuracy"]
    assert np.array_equal(finished.predictions["val_best"], best.val_logits)


def test_the_test_images_are_scored_once_by_the_last_and_the_best_weights():
    data = make_data()
    epochs, finished = run(make_spec(epochs=4, learning_rate=0.03), data)
    for which, name in (("last", "test/accuracy"), ("best", "test/accuracy_best")):
        model = build_model(make_spec().model, NUM_CLASSES, SIZE).eval()
        model.load_state_dict(checkpoint.weights_of(epochs[-1].state, which))
        with torch.no_grad():
            logits = model((data.test.images / 255 - 0.5) / 0.25)
        np.testing.assert_allclose(finished.predictions[f"test_{which}"], logits.numpy(), rtol=1e-2, atol=1e-3)
        predicted = finished.predictions[f"test_{which}"].argmax(1)
        assert finished.metrics[name] == (predicted == data.test.labels.numpy()).mean()


def test_an_end_without_the_test_images_is_made_later_with_the_same_figures():
    data, spec = make_data(), make_spec(epochs=3, learning_rate=0.03)
    epochs, whole = run(spec, data)
    *_, first = train(spec, data, test=False)
    assert not [name for name in (*first.metrics, *first.predictions) if name.startswith("test")]
    *_, later = train(spec, data, resume=epochs[-1].state)
    for name in ("test/accuracy", "test/loss", "test/accuracy_best", "test/loss_best"):
        assert later.metrics[name] == whole.metrics[name]
    for name, logits in whole.predictions.items():
        assert np.array_equal(later.predictions[name], logits)


def test_early_stopping_ends_after_so_many_epochs_without_a_lower_validation_loss():
    epochs, finished = run(make_spec(epochs=50, learning_rate=0.5, early_stop_patience=2), make_data())
    losses = [end.metrics["val/loss"] for end in epochs]
    assert finished.reason == "early_stopping"
    assert len(losses) < 50
    assert min(losses) == losses[-3]
    assert min(losses[:-1]) == losses[-3]


def test_progress_comes_at_most_twice_a_second(monkeypatch):
    clock = itertools.count(0.0, 0.04)
    told = []
    monkeypatch.setattr(train_module.time, "monotonic", lambda: next(clock))
    for event in train(make_spec(epochs=3, batch_size=2), make_data()):
        if isinstance(event, Progress):
            told.append(train_module.time.monotonic())
    assert len(told) > 3
    assert min(np.diff(told)) >= 0.5


def test_progress_goes_through_all_phases_and_its_loss_becomes_the_epochs(monkeypatch):
    monkeypatch.setattr(train_module, "PROGRESS_SECONDS", 0.0)
    events = list(train(make_spec(epochs=1), make_data()))
    progress = [event for event in events if isinstance(event, Progress)]
    # The only epoch is the best one too: its weights look at the test images once.
    assert [event.phase for event in progress] == ["train"] * 5 + ["validate", "test", "validate"]
    assert [(event.step, event.steps) for event in progress[:5]] == [(step, 5) for step in range(1, 6)]
    assert all(event.epoch == 1 for event in progress)
    end = next(event for event in events if isinstance(event, EpochEnd))
    assert progress[4].loss == pytest.approx(end.metrics["train/loss"])


def test_the_callers_random_numbers_and_threads_stay_as_they_were():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    run(make_spec(model={"dropout": 0.5}), make_data())
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_a_number_ends_the_training_and_says_what_to_try():
    spec = make_spec(optimizer="sgd", learning_rate=100.0, momentum=0.999, weight_decay=1.0, epochs=200)
    with pytest.raises(TrainingError) as caught:
        run(spec, make_data())
    assert caught.value.kind == "nan"
    sentence = str(caught.value)
    assert " in epoch " in sentence
    assert "at a learning rate of " in sentence
    assert "a learning rate below" in sentence
    assert "gradient clipping" in sentence


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bad_loss_in_one_step_is_noticed_by_the_epochs_end(value, monkeypatch):
    make_step = train_module.make_step

    def spoil(spec, state, *others):
        step = make_step(spec, state, *others)

        def spoiled(*args):
            step(*args)
            if state.step == 7:
                state.totals[0] = value

        return spoiled

    monkeypatch.setattr(train_module, "make_step", spoil)
    with pytest.raises(TrainingError, match=r"^The loss became (NaN|infinite) in epoch 2, by update 10,"):
        run(make_spec(epochs=4), make_data())


def fill_the_gpu(*args):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")


def fill_memory(*args):
    torch.empty(10**15)


def fill_pythons_memory(*args):
    bytearray(2**62)


@pytest.mark.parametrize("step", [fill_the_gpu, fill_memory, fill_pythons_memory])
def test_running_out_of_memory_is_a_sentence_that_names_batch_size_and_device(step, monkeypatch):
    monkeypatch.setattr(train_module, "make_step", lambda *args: step)
    with pytest.raises(TrainingError, match=r"batch size of 1,024") as caught:
        run(make_spec(batch_size=1024), make_data())
    assert caught.value.kind == "out_of_memory"
    assert "cpu" in str(caught.value)


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch):
    def fail(*args):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(train_module, "make_step", lambda *args: fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(make_spec(), make_data())


DEEP = {
    "layers": [{"channels": 4, "blocks": 1, "stride": 4}, {"channels": 4, "blocks": 1, "stride": 2}],
    "pool_size": 1,
}


def test_one_image_left_over_does_not_stop_a_network_whose_last_map_is_1x1():
    epochs, _ = run(make_spec(model=DEEP, batch_size=23), make_data(num_train=70))
    assert len(epochs) == 2


def test_batches_of_one_image_and_a_map_of_1x1_are_explained():
    with pytest.raises(TrainingError, match="Batch normalisation cannot train on a batch of one image"):
        run(make_spec(model=DEEP, batch_size=1), make_data())


# --- flips --------------------------------------------------------------------------------------------------------


def test_alternating_flips_show_both_sides_of_every_image_in_any_two_epochs_and_half_of_them_at_first():
    first, second, third = (alternate_flips(1000, 7, epoch) for epoch in range(3))
    assert torch.equal(first, ~second)
    assert torch.equal(first, third)
    assert 400 < first.sum() < 600
    assert not torch.equal(first, alternate_flips(1000, 8, 0))


def test_a_training_with_alternating_flips_mirrors_each_image_in_every_other_epoch(monkeypatch):
    seen = []
    spec = make_spec(augment={**PLAIN, "flip": True, "flip_order": "alternating"}, epochs=3, batch_size=70)
    whole = Augment.__call__

    def record(self, images, labels, generator, mirrored=None):
        seen.append((images, mirrored))
        return whole(self, images, labels, generator, mirrored)

    monkeypatch.setattr(Augment, "__call__", record)
    data = make_data()
    run(spec, data)
    for epoch, (images, mirrored) in enumerate(seen):
        order = shuffle(len(data.train), 0, epoch)
        assert torch.equal(images, data.train.images[order])
        assert torch.equal(mirrored, alternate_flips(len(data.train), 0, epoch)[order])


# --- test-time augmentation ---------------------------------------------------------------------------------------


def test_views_are_told_beside_the_plain_figures_and_change_none_of_them():
    data = make_data()
    _, plain = run(make_spec(), data)
    _, viewed = run(make_spec(test_views="mirror_shift"), data)
    extra = {"test/accuracy_views", "test/accuracy_best_views"}
    assert viewed.metrics.keys() - plain.metrics.keys() == extra
    figures = without_clock(viewed.metrics)
    assert {name: value for name, value in figures.items() if name not in extra} == without_clock(plain.metrics)
    assert np.array_equal(viewed.predictions["test_last"], plain.predictions["test_last"])
    assert all(0 <= viewed.metrics[name] <= 1 for name in extra)
