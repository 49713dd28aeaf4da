"""Any stop and resume leaves the result unchanged, bit for bit, and a graph's steps those of plain ones."""

import copy
import itertools
import random

import pytest
import torch
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from core.engine import checkpoint
from core.engine import train as train_module
from core.engine.checkpoint import CheckpointError
from core.engine.events import EpochEnd
from core.engine.step import make_plain_step, make_step
from core.engine.train import train
from tests.core.engine.toy import make_data, make_spec, run
from tests.core.engine.whole_result import differences, train_with_stops, without_clock

SPECS = st.fixed_dictionaries(
    {
        "optimizer": st.sampled_from(["sgd", "adam", "adamw", "muon"]),
        "schedule": st.sampled_from(["cosine", "onecycle", "step", "plateau", "linear", "constant"]),
        "plateau_patience": st.just(1),
        "learning_rate": st.sampled_from([0.003, 0.3]),
        "warmup_epochs": st.sampled_from([0.0, 1.0]),
        "ema_decay": st.sampled_from([0.0, 0.8]),
        "lookahead_steps": st.sampled_from([0, 3]),
        "lookahead_rises": st.booleans(),
        "accumulation": st.integers(1, 3),
        "clip_norm": st.sampled_from([0.0, 1.0]),
        "label_smoothing": st.sampled_from([0.0, 0.1]),
        "early_stop_patience": st.sampled_from([0, 1]),
        "goal_accuracy": st.sampled_from([0.0, 0.3]),
        "stop_at_goal": st.booleans(),
        "layer_norms": st.booleans(),
        "muon_iterations": st.sampled_from([2, 5]),
        "muon_normalized": st.booleans(),
        "bias_rate": st.sampled_from([1.0, 0.5]),
        "head_rate": st.sampled_from([1.0, 0.1]),
        "grow_images": st.booleans(),
        "first_side": st.sampled_from([5, 8]),
        "growth_steps": st.integers(1, 3),
        "grown_after": st.sampled_from([0.3, 0.7]),
        "precision": st.sampled_from(["float32", "bfloat16"]),
        "epochs": st.just(3),
        "last_epoch": st.sampled_from([1.0, 0.5]),
        "seed": st.integers(0, 3),
    }
)
MODELS = st.fixed_dictionaries(
    {
        "dropout": st.sampled_from([0.0, 0.3]),
        "stochastic_depth": st.sampled_from([0.0, 0.4]),
        "block_dropout": st.sampled_from([0.0, 0.3]),
        "stem": st.sampled_from(["convolution", "whitening"]),
        "layer_start": st.sampled_from(["block", "convolution"]),
        "downsampling": st.sampled_from(["stride", "max", "average"]),
        "block": st.sampled_from(["basic", "preactivation", "single", "bottleneck"]),
        "norm": st.sampled_from(["batch", "group", "none"]),
        "norm_scale": st.booleans(),
    }
)
AUGMENTS = st.fixed_dictionaries(
    {
        "crop_padding": st.sampled_from([0, 2]),
        "flip": st.booleans(),
        "flip_order": st.sampled_from(["random", "alternating"]),
        "cutout": st.sampled_from([0, 3]),
        "mixup": st.sampled_from([0.0, 0.5]),
        "cutmix": st.sampled_from([0.0, 1.0]),
        "policy": st.sampled_from(["none", "trivialaugment", "randaugment"]),
    }
)
EVERYTHING = {
    "optimizer": "adam",
    "schedule": "plateau",
    "plateau_patience": 1,
    "learning_rate": 0.1,
    "ema_decay": 0.8,
    "accumulation": 2,
    "layer_norms": True,
    "epochs": 3,
}
NOISE = {"dropout": 0.3, "stochastic_depth": 0.4}
CHANGES = {"crop_padding": 2, "flip": True, "mixup": 0.5}


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking would take minutes
@given(settings_=SPECS, model=MODELS, augment=AUGMENTS, stops=st.lists(st.integers(1, 12), min_size=1, max_size=4))
@example(settings_=EVERYTHING, model=NOISE, augment=CHANGES, stops=[1, 2, 3, 4])
def test_a_training_stopped_anywhere_and_resumed_equals_one_that_ran_through(
    tmp_path_factory, settings_, model, augment, stops
):
    path = tmp_path_factory.getbasetemp() / "resume.safetensors"

    def keep_on_disk(state):
        torch.rand(random.randrange(5))  # whoever holds the training may draw numbers too
        return checkpoint.load(path, checkpoint.save(state, path))

    spec, data = make_spec(model=model, augment=augment, **settings_), make_data()
    straight = train_with_stops(spec, data, [])
    assert differences(train_with_stops(spec, data, stops, keep_on_disk), straight) == []


def test_every_single_stop_of_a_training_can_be_resumed_exactly():
    """In training, between two batches of one update, in validation, and in the final test."""
    spec = make_spec(model=NOISE, augment=CHANGES, **EVERYTHING | {"epochs": 2})
    data = make_data()
    asked = 0

    def count():
        nonlocal asked
        asked += 1
        return False

    list(train(spec, data, should_stop=count))
    straight = train_with_stops(spec, data, [])
    assert asked == 2 * (5 + 1) + 1, "the last epoch is the best: its weights look at the test images once"
    for stop in range(1, asked + 1):
        assert differences(train_with_stops(spec, data, [stop]), straight) == [], f"stopped at question {stop}"


def test_a_training_without_validation_images_resumes_exactly():
    spec = make_spec(model=NOISE, augment=CHANGES, **EVERYTHING | {"schedule": "step", "epochs": 2})
    data = make_data(num_val=0)
    straight = train_with_stops(spec, data, [])
    assert differences(train_with_stops(spec, data, [2, 3, 3]), straight) == []


def test_a_training_resumed_from_any_epochs_end_equals_one_that_ran_through():
    spec, data = make_spec(model=NOISE, augment=CHANGES, **EVERYTHING), make_data()
    epochs, finished = run(spec, data)
    for end in epochs:
        later, last = run(spec, data, resume=copy.deepcopy(end.state))
        assert [without_clock(other.metrics) for other in later] == [
            without_clock(other.metrics) for other in epochs[end.epoch :]
        ]
        assert without_clock(last.metrics) == without_clock(finished.metrics)


def test_states_do_not_change_while_training_goes_on():
    states = []
    for event in train(make_spec(**EVERYTHING), make_data()):
        if isinstance(event, EpochEnd):
            states.append((event.state, copy.deepcopy(event.state)))
    assert all(differences(state, as_it_was) == [] for state, as_it_was in states)


LOSSES = {
    "model": lambda state: {k: torch.zeros_like(v) for k, v in state["model"].items()},
    "optimizer": lambda state: {},
    "ema": lambda state: {k: torch.zeros_like(v) for k, v in state["ema"].items()},
    "gradients": lambda state: [None] * len(state["gradients"]),
    "totals": lambda state: torch.zeros(2),
    "done": lambda state: [0.0, 0.0, 0],
    "step": lambda state: 0,
    "batch": lambda state: state["batch"] - 1,
    "epoch": lambda state: 0,
    "lowest_val_loss": lambda state: -1.0,
    "stale_epochs": lambda state: 5,
    "best": lambda state: None,
    "plateau": lambda state: {"lowest": -1.0, "stale_epochs": 0, "reductions": 3},
}


@pytest.mark.parametrize("lost", LOSSES)
def test_the_comparison_would_notice_any_part_of_the_state_that_is_lost(lost):
    spec = make_spec(
        model=NOISE, augment=CHANGES, **EVERYTHING | {"epochs": 4, "early_stop_patience": 3, "learning_rate": 0.02}
    )
    data = make_data()
    straight = train_with_stops(spec, data, [])
    # Question 9 is in the second epoch, between the two batches of one update.
    spoiled = train_with_stops(spec, data, [9], lambda state: state | {lost: LOSSES[lost](state)})
    assert differences(spoiled, straight)


@pytest.mark.parametrize("part", ["generator", "torch"])
def test_the_comparison_would_notice_generators_that_start_anew(part, monkeypatch):
    """As if random numbers went on from wherever the process happens to be."""
    model, augment = (NOISE, {"crop_padding": 0, "flip": False}) if part == "torch" else ({}, CHANGES)
    spec, data = make_spec(model=model, augment=augment, **EVERYTHING), make_data()
    monkeypatch.setattr(train_module, "seed_batch", lambda generator, *where: generator)
    assert differences(train_with_stops(spec, data, [8]), train_with_stops(spec, data, []))


def test_a_state_of_another_spec_is_refused():
    _, stopped = run(make_spec(), make_data(), should_stop=lambda: True)
    with pytest.raises(CheckpointError, match="another specification"):
        run(make_spec(learning_rate=0.5), make_data(), resume=stopped.state)


def test_a_state_of_other_images_is_refused():
    _, stopped = run(make_spec(), make_data(), should_stop=lambda: True)
    stopped.state["fingerprint"] = "other"
    with pytest.raises(CheckpointError, match="images"):
        run(make_spec(), make_data(), resume=stopped.state)


ON_A_GPU = [
    {"optimizer": optimizer, "ema_decay": 0.8, "accumulation": 2, "learning_rate": 0.003}
    for optimizer in ("sgd", "adam", "adamw", "muon")
] + [{"optimizer": "sgd", "lookahead_steps": 2, "clip_norm": 1.0, "epochs": 4}]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("settings_", ON_A_GPU, ids=str)
def test_a_step_played_back_as_a_graph_gives_the_weights_of_plain_steps(settings_, monkeypatch):
    """Dropout and all augmentations draw from seeds that change under the graph."""
    # Without these, the same step run twice rounds otherwise.
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    augment = {**CHANGES, "flip_order": "alternating", "cutout": 3, "cutmix": 1.0, "policy": "trivialaugment"}
    spec = make_spec(model=NOISE, augment=augment, **{"epochs": 6, **settings_, "device": "cuda"})
    made = []

    def remember(*args):
        made.append(make_step(*args))
        return made[-1]

    monkeypatch.setattr(train_module, "make_step", remember)
    graphed, _ = run(spec, make_data())
    assert made[0]._captured
    monkeypatch.setattr(train_module, "make_step", make_plain_step)
    plain, _ = run(spec, make_data())
    for one, other in zip(graphed, plain, strict=True):
        for part in ("model", "ema"):
            for name, weight in (one.state[part] or {}).items():
                torch.testing.assert_close(weight, other.state[part][name], rtol=1e-3, atol=1e-4)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_a_training_on_a_gpu_resumes_and_follows_the_cpus(optimizer):
    shared = {"optimizer": optimizer, "ema_decay": 0.8, "accumulation": 2, "learning_rate": 0.003}
    data, on_gpu = make_data(), make_spec(**shared | {"device": "cuda"})
    epochs, finished = run(on_gpu, data)
    _, stopped = run(on_gpu, data, should_stop=lambda: True)
    _, resumed = run(on_gpu, data, resume=stopped.state)
    cpu_epochs, _ = run(make_spec(**shared), data)
    assert resumed.metrics["test/loss"] == pytest.approx(finished.metrics["test/loss"], rel=0.02)
    assert epochs[-1].metrics["train/loss"] == pytest.approx(cpu_epochs[-1].metrics["train/loss"], rel=0.02)


KINDS = {
    **{name: {"optimizer": name} for name in ("sgd", "adam", "adamw", "muon")},
    "averaged": {"optimizer": "adam", "ema_decay": 0.8},
    "lookahead": {"optimizer": "sgd", "lookahead_steps": 2},
}


@pytest.mark.parametrize("settings_", KINDS.values(), ids=KINDS)
def test_a_state_resumes_twice_alike_and_in_any_order_of_memory(settings_):
    """Moments, gradients within an update, averages: torch's fused updates mix what lies in another order, silently."""
    spec, data = make_spec(accumulation=2, learning_rate=0.05, **settings_), make_data()
    straight = train_with_stops(spec, data, [])
    _, stopped = run(spec, data, should_stop=itertools.cycle([False, False, True]).__next__)
    assert any(gradient is not None for gradient in stopped.state["gradients"]), "it stands within an update"
    for order in (torch.preserve_format, torch.contiguous_format, torch.channels_last):
        state = _lay_out(stopped.state, order)
        as_it_was = copy.deepcopy(state)
        for _ in range(2):
            epochs, finished = run(spec, data, resume=state)
            assert differences(without_clock(finished.metrics), straight["final"]) == []
            assert differences(epochs[-1].state["model"], straight["state"]["model"]) == []
        assert differences(state, as_it_was) == []


def _lay_out(value, order):
    """A copy with all filters in this order of memory."""
    if isinstance(value, torch.Tensor):
        return value.clone(memory_format=order if value.ndim == 4 else torch.preserve_format)
    if isinstance(value, dict):
        return {key: _lay_out(inner, order) for key, inner in value.items()}
    return [_lay_out(inner, order) for inner in value] if isinstance(value, list) else value
