"""How a training uses a GPU, as far as a machine without one can tell."""

from contextlib import contextmanager

import torch

from core.engine.step import Place
from core.engine.train import TrainingRun, keep_settings
from tests.core.engine.toy import make_data, make_spec


def test_batches_before_an_update_are_of_one_kind_whatever_the_update_is():
    # Each kind is a CUDA graph of its own, and there are six of them at most.
    spec = make_spec(batch_size=4, accumulation=4, lookahead_steps=3, ema_decay=0.9, epochs=4)
    seen, device = set(), torch.device("cpu")
    training = TrainingRun(spec, make_data(48, 4, 4), device, lambda: False)
    step = training.step
    training.step = lambda places, mirrored, place: (seen.add(place), step(places, mirrored, place))
    for _ in range(spec.train.epochs):
        for _ in training.train_epoch():
            pass
        training.state.epoch, training.state.batch = training.state.epoch + 1, 0
    assert [place for place in seen if not place.ends_group] == [Place(0.25, ends_group=False)]
    assert {(place.is_first, place.pulls_back) for place in seen if place.ends_group} == {
        (True, False),
        (False, False),
        (False, True),
    }


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
