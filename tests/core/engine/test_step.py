"""A step changes the weights as the loop of every tutorial does, and batches of one kind have one graph."""

from math import ceil

import pytest
import torch
from torch.nn import functional as F

from core.engine import checkpoint
from core.engine.model import build_model
from core.engine.state import WEIGHTS, seed_of, shuffle
from core.engine.step import BatchRole
from core.engine.train import TrainingRun
from core.spec.schedule import LearningRate, updates_per_epoch
from tests.core.engine.toy import NUM_CLASSES, SIZE, make_data, make_spec, run


def train_plainly(spec, data):
    """The loop of every tutorial, on the same weights and the same order of images: weights, and losses by epoch."""
    torch.manual_seed(seed_of(WEIGHTS, spec.train.seed))
    model = build_model(spec.model, NUM_CLASSES, SIZE).train()
    train_spec = spec.train
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1.0, momentum=train_spec.momentum, nesterov=True, weight_decay=train_spec.weight_decay
    )
    rate = LearningRate(train_spec, updates_per_epoch(train_spec, len(data.train)))
    average = {name: value.clone() for name, value in model.state_dict().items()}
    losses, step = [], 0
    slow = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for epoch in range(train_spec.epochs):
        batches = shuffle(len(data.train), train_spec.seed, epoch).split(train_spec.batch_size)
        if epoch == train_spec.epochs - 1:
            batches = batches[: ceil(train_spec.last_epoch * rate.steps_per_epoch) * train_spec.accumulation]
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
                back = train_spec.lookahead_share * ((step / rate.total) ** 3 if train_spec.lookahead_rises else 1)
                for name, weight in model.named_parameters():
                    slow[name].lerp_(weight.detach(), 1 - back)
                    weight.data.copy_(slow[name])
            if train_spec.lookahead_rises and group[-1] is batches[-1]:
                for name, weight in model.named_parameters():
                    weight.data.copy_(slow[name])
            now = {name: value.clone() for name, value in model.state_dict().items()}
            decay = min(train_spec.ema_decay, step / (9 + step))
            average = {k: decay * average[k] + (1 - decay) * v if v.is_floating_point() else v for k, v in now.items()}
        losses.append(sum(epoch_losses) / sum(len(batch) for batch in batches))
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
        {"lookahead_steps": 2, "lookahead_share": 0.2},
        {"lookahead_steps": 3, "lookahead_share": 0.774, "lookahead_rises": True},
        {"schedule": "onecycle", "warmup_epochs": 1.0},
        {"last_epoch": 0.5, "accumulation": 2, "schedule": "linear"},
        {"last_epoch": 0.3, "lookahead_steps": 3, "lookahead_rises": True},
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


def test_batches_before_an_update_are_of_one_kind_whatever_the_update_is():
    # Each kind is a CUDA graph of its own, and there are six of them at most.
    spec = make_spec(batch_size=4, accumulation=4, lookahead_steps=3, ema_decay=0.9, epochs=4)
    seen, device = set(), torch.device("cpu")
    training = TrainingRun(spec, make_data(48, 4, 4), device, lambda: False)
    step = training.step
    training.step = lambda places, mirrored, role: (seen.add(role), step(places, mirrored, role))
    for _ in range(spec.train.epochs):
        for _ in training.train_epoch():
            pass
        training.state.epoch, training.state.batch = training.state.epoch + 1, 0
    assert [role for role in seen if not role.ends_group] == [BatchRole(0.25, ends_group=False)]
    assert {role.pulls_back for role in seen if role.ends_group} == {False, True}
