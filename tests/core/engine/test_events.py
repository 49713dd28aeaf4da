"""A training's events come in order, and their figures are those of its images."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.engine import train as train_module
from core.engine.events import EpochEnd, Finished, Progress, Started
from core.engine.model import build_model
from core.engine.train import train
from tests.core.engine.toy import NUM_CLASSES, SIZE, make_data, make_spec, run


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
    assert [event.phase for event in progress] == ["train"] * 5 + ["validate", "test"]
    assert [(event.step, event.steps) for event in progress[:5]] == [(step, 5) for step in range(1, 6)]
    assert all(event.epoch == 1 for event in progress)
    end = next(event for event in events if isinstance(event, EpochEnd))
    assert progress[4].loss == pytest.approx(end.metrics["train/loss"])
