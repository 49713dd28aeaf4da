"""Training follows its spec and tells the truth."""

import itertools
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine import checkpoint
from core.engine import train as train_module
from core.engine.augment import Augment
from core.engine.events import EpochEnd, Progress, Started, TrainingError
from core.engine.model import build_model
from core.engine.state import alternate_flips, shuffle
from core.engine.train import keep_settings, split_batches, train
from core.spec.schedule import LearningRate, updates_per_epoch
from tests.core.engine.toy import NUM_CLASSES, PLAIN, SIZE, make_data, make_spec, run
from tests.core.engine.whole_result import differences, without_clock

# --- the method ---------------------------------------------------------------------------------------------------


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


# --- the end ----------------------------------------------------------------------------------------------------------


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


def test_the_callers_random_numbers_and_threads_stay_as_they_were():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    run(make_spec(model={"dropout": 0.5}), make_data())
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


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


def test_a_training_makes_its_gpu_the_current_one(monkeypatch):
    # Streams and graphs that name no device belong to the current one.
    current, entered = [], []

    @contextmanager
    def make_current(device):
        current.append(device)
        yield
        current.pop()

    @contextmanager
    def fork(devices):
        entered.append((devices, list(current)))
        yield

    monkeypatch.setattr(torch.cuda, "device", make_current)
    monkeypatch.setattr(torch.random, "fork_rng", fork)
    second = torch.device("cuda", 1)
    with keep_settings(second):
        assert current == [second]
    with keep_settings(torch.device("cpu")):
        assert current == []
    assert entered == [([second], [second]), ([], [])]


@pytest.mark.parametrize(("views", "each"), [("none", 1), ("mirror", 1 + 2), ("mirror_shift", 1 + 6)])
@pytest.mark.parametrize("learning_rate", [0.01, 0.0001])
def test_what_is_left_counts_every_validation_and_look_at_the_test_images(views, each, learning_rate, monkeypatch):
    """At every moment what is done and what is left make up the whole."""
    monkeypatch.setattr(train_module, "PROGRESS_SECONDS", 0)
    data, test, val = make_data(), 40, 30
    *events, finished = train(make_spec(test_views=views, epochs=3, learning_rate=learning_rate), data)
    looks = 1 if finished.metrics["best/epoch"] == 3 else 2
    for event in events:
        if isinstance(event, Started):
            continue
        work, over = event.work, event.epoch == 3 and (isinstance(event, EpochEnd) or event.phase == "test")
        assert work.trained.images + work.left_to_train == 3 * 70
        assert work.scored.images + work.left_to_score == 3 * val + (looks if over else 2) * each * test
    assert (work.left_to_train, work.left_to_score) == (0, 0)
    assert (work.trained.seconds > 0, work.scored.seconds > 0) == (True, True)


def test_a_trial_that_is_not_tested_and_a_resumed_training_count_what_is_theirs(monkeypatch):
    monkeypatch.setattr(train_module, "PROGRESS_SECONDS", 0)
    spec, data = make_spec(epochs=3), make_data()
    epochs, _ = run(spec, data, test=False)
    assert [end.work.left_to_score for end in epochs] == [60, 30, 0]
    first = next(event for event in train(spec, data, resume=epochs[1].state) if isinstance(event, Progress))
    assert (first.work.trained.images, first.work.left_to_train) == (16, 70 - 16)
    assert first.work.left_to_score == 30 + 2 * 40
    finals = [event for event in train(spec, data, resume=epochs[2].state) if isinstance(event, Progress)]
    assert finals[-1].work.left_to_score == 0
    stopped, finished = run(make_spec(epochs=50, learning_rate=0.5, early_stop_patience=1), data)
    assert finished.reason == "early_stopping"
    assert stopped[-1].work.left_to_train == 0


def test_the_pace_is_of_the_time_in_which_the_process_ran(monkeypatch):
    """The clock stands still but for a second after each batch: nothing else of the time counts as work."""
    monkeypatch.setattr(train_module, "PROGRESS_SECONDS", 0)
    moments, asked = itertools.count(), itertools.count()
    ran = [next(moments)]

    def pass_a_second():
        ran[0] = next(moments)
        return False

    def clock():
        return ran[0] + 1e-9 * next(asked)

    spec, data = make_spec(epochs=2), make_data()
    events = list(train(spec, data, should_stop=pass_a_second, clock=clock))
    ends = [event for event in events if isinstance(event, EpochEnd)]
    assert [end.metrics["images_per_second"] for end in ends] == pytest.approx([70 / 5, 70 / 5])
    assert [end.work.trained.seconds for end in ends] == pytest.approx([5, 10])
    assert [end.work.scored.seconds for end in ends] == pytest.approx([1, 2])

    began = time.monotonic()
    first, second = (
        event for event in train(spec, data, clock=lambda: time.monotonic() / 1000) if isinstance(event, EpochEnd)
    )
    took = time.monotonic() - began
    assert 0.9 * second.metrics["seconds"] < second.work.away < took
    assert second.work.trained.seconds < took / 1000
    assert second.metrics["seconds"] > first.metrics["seconds"] > second.work.trained.seconds


# --- without validation images ------------------------------------------------------------------------------------


def test_without_validation_images_the_same_weights_are_trained_and_nothing_is_chosen():
    spec = make_spec(epochs=3, test_views="mirror", ema_decay=0.5)
    (*_, last), finished = run(spec, make_data())
    ends, alone = run(spec, make_data(num_val=0))
    assert differences(ends[-1].state["model"], last.state["model"]) == []
    assert [name for name in ends[-1].metrics if name.startswith("val/")] == []
    assert {name: ends[-1].metrics[name] for name in ("train/loss", "step")} == {
        name: last.metrics[name] for name in ("train/loss", "step")
    }
    assert [end.is_best for end in ends] == [False] * 3
    assert [end.val_logits.shape for end in ends] == [(0, NUM_CLASSES)] * 3
    assert alone.predictions.keys() == {"test_last"}
    assert alone.metrics["test/accuracy"] == finished.metrics["test/accuracy"]
    assert alone.metrics.keys() == {
        *("test/accuracy", "test/loss", "test/accuracy_views"),
        *("last/epoch", "last/train_accuracy", "last/train_loss", "train_seconds"),
    }
    with pytest.raises(checkpoint.CheckpointError, match="No images were held out"):
        checkpoint.weights_of(ends[-1].state, "best")


def test_work_left_without_validation_images_is_one_look_at_the_test():
    events = list(train(make_spec(epochs=2, test_views="mirror"), make_data(num_val=0)))
    ends = [event for event in events if isinstance(event, EpochEnd)]
    assert [end.work.left_to_score for end in ends] == [40 * 3] * 2


def test_a_folder_without_validation_images_cannot_stop_early():
    spec = make_spec(early_stop_patience=2)
    with pytest.raises(TrainingError, match=r"^train.early_stop_patience = 2 needs validation images"):
        list(train(spec, make_data(num_val=0)))


# --- a shorter last epoch -----------------------------------------------------------------------------------------


def test_a_last_epoch_of_half_the_images_is_half_an_epoch():
    spec, data = make_spec(epochs=3, last_epoch=0.5, schedule="linear", optimizer="sgd"), make_data()
    events = list(train(spec, data))
    ends = [event for event in events if isinstance(event, EpochEnd)]
    assert [end.metrics["step"] for end in ends] == [5, 10, 13]  # of five updates two and a half, in whole ones
    points = [point for event in events for point in getattr(event, "points", ())]
    assert (points[-1].step, points[-1].epochs, points[-1].images) == (13, 2.6, 2 * 70 + 3 * 16)
    assert ends[-1].metrics["learning_rate"] == pytest.approx(spec.train.learning_rate / 13)
    assert [end.work.left_to_train for end in ends] == [70 + 48, 48, 0]
    assert {event.steps for event in events if isinstance(event, Progress) and event.phase == "train"} <= {5, 3}
    before = [end.metrics["train/loss"] for end in ends[:2]]
    whole, _ = run(make_spec(epochs=3, schedule="constant", optimizer="sgd"), data)
    same, _ = run(make_spec(epochs=3, last_epoch=0.5, schedule="constant", optimizer="sgd"), data)
    assert [end.metrics["train/loss"] for end in same[:2]] == [end.metrics["train/loss"] for end in whole[:2]]
    assert before[0] == pytest.approx(whole[0].metrics["train/loss"], rel=0.1)


def test_one_epoch_may_be_a_part_of_one():
    (end,), finished = run(make_spec(epochs=1, last_epoch=0.01), make_data())
    assert end.metrics["step"] == 1
    assert finished.reason == "epochs"
