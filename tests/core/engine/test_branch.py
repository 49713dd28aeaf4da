"""A branch takes over all that both specs have, to the last bit, and says what begins anew."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings

from core.engine.branch import branch_off, take_weights
from core.engine.checkpoint import CheckpointError, weights_of
from core.engine.events import EpochEnd, Stopped
from core.engine.optim import build_optimizer
from core.engine.state import TrainState
from core.engine.train import train
from core.spec import RunSpec
from core.spec.schedule import LearningRate
from core.spec.settings import set_values
from tests.core.engine.test_resume import AUGMENTS, MODELS, SPECS
from tests.core.engine.toy import make_data, make_spec, run
from tests.core.engine.whole_result import differences, train_with_stops, without_clock

DATA = make_data()
CPU = torch.device("cpu")
IGNORED = {"spec", "seconds", "epoch_seconds", "norms"}


def train_parent(**settings_: Any) -> tuple[RunSpec, list[dict[str, Any]]]:
    """A spec of four epochs and the state after each."""
    spec = make_spec(**{"epochs": 4, **settings_})
    return spec, [end.state for end in run(spec, DATA)[0]]


def go_on(state: dict[str, Any], spec: RunSpec) -> tuple[list[EpochEnd], list[str]]:
    begun, notes = branch_off(state, spec, DATA)
    return run(spec, DATA, resume=begun)[0], notes


def in_name_order(state: dict[str, Any], spec: RunSpec) -> dict[str, Any]:
    """Moments by the weight that they are of, worked out from the optimizer's own groups."""
    model = TrainState(spec, DATA, CPU).model
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = build_optimizer(spec.train, model).param_groups
    order = [names[id(weight)] for group in groups for weight in group["params"]]
    return {order[index]: moments for index, moments in state["optimizer"].items()}


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(settings_=SPECS, model=MODELS, augment=AUGMENTS)
def test_what_a_branch_does_not_change_goes_on_as_in_its_parent(settings_, model, augment) -> None:
    spec = make_spec(model=model, augment=augment, **settings_)
    ends, _ = run(spec, DATA)
    before = copy.deepcopy(ends[0].state)
    # A field without an effect: so all of the state is taken over, and nothing may come out otherwise.
    other = set_values(spec, {"train.layer_norms": not spec.train.layer_norms})
    if len(ends) > 1:
        branch, notes = go_on(ends[0].state, other)
        assert notes == []
        assert [without_norms(end) for end in branch] == [without_norms(end) for end in ends[1:]]
        last = [{k: v for k, v in end.state.items() if k not in IGNORED} for end in (branch[-1], ends[-1])]
        assert differences(*without_last_norms(last)) == []
    assert differences(before, ends[0].state) == [], "the parent's state stays as it is"


def without_norms(end: EpochEnd) -> dict[str, Any]:
    return {name: value for name, value in without_clock(end.metrics).items() if not name.startswith("norms/")}


def without_last_norms(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        state | {"last": {k: v for k, v in state["last"].items() if not k.startswith("norms/")}} for state in states
    ]


def test_an_unchanged_branch_is_the_parents_own_state() -> None:
    spec, states = train_parent()
    begun, notes = branch_off(states[1], spec, DATA)
    assert begun is states[1]
    assert notes == []


def test_the_same_branch_twice_has_the_same_weights() -> None:
    spec, states = train_parent(optimizer="sgd", ema_decay=0.8)
    other = set_values(spec, {"train.learning_rate": 0.03, "augment.flip": True, "train.epochs": 5})
    one, two = (go_on(states[1], other)[0] for _ in range(2))
    assert [end.epoch for end in one] == [3, 4, 5]
    assert differences(*({k: v for k, v in each[-1].state.items() if k not in IGNORED} for each in (one, two))) == []
    assert differences(one[-1].state["model"], states[-1]["model"]), "and other ones than its parent"


@pytest.mark.parametrize(("batch_size", "each"), [(8, 9), (35, 2), (16, 5)])
def test_the_schedule_goes_on_at_the_same_epoch(batch_size: int, each: int) -> None:
    spec, states = train_parent(schedule="linear", learning_rate=0.4, optimizer="sgd")
    other = set_values(spec, {"train.batch_size": batch_size, "train.epochs": 6})
    ends, _ = go_on(states[1], other)
    rate = LearningRate(other.train, each)
    assert [end.metrics["learning_rate"] for end in ends] == [rate.at(each * epoch - 1) for epoch in (3, 4, 5, 6)]
    assert [end.metrics["step"] for end in ends] == [10 + each * epoch for epoch in (1, 2, 3, 4)], "updates are counted"


def test_a_branch_that_is_stopped_and_resumed_keeps_its_place_in_the_schedule() -> None:
    spec, states = train_parent(schedule="cosine")
    other = set_values(spec, {"train.batch_size": 8})
    begun, _ = branch_off(states[1], other, DATA)
    ends, _ = run(other, DATA, resume=begun)
    stopped = list(train(other, DATA, resume=begun, should_stop=iter([False] * 4 + [True]).__next__))[-1]
    assert isinstance(stopped, Stopped)
    again, _ = run(other, DATA, resume=stopped.state)
    assert [without_clock(end.metrics) for end in again] == [without_clock(end.metrics) for end in ends]


def test_another_optimizer_begins_with_fresh_state_and_says_so() -> None:
    spec, states = train_parent(optimizer="adam")
    begun, notes = branch_off(states[1], set_values(spec, {"train.optimizer": "sgd"}), DATA)
    assert begun["optimizer"] == {}
    (note,) = notes
    assert note.startswith("SGD with momentum began with fresh state after epoch 2")
    assert differences(begun["model"], states[1]["model"]) == []


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon"])
def test_moments_stay_with_their_weights_when_others_decay(optimizer: str) -> None:
    spec, states = train_parent(optimizer=optimizer)
    other = set_values(spec, {"train.decay_norms_biases": not spec.train.decay_norms_biases})
    begun, _ = branch_off(states[1], other, DATA)
    own, parents = in_name_order(begun, other), in_name_order(states[1], spec)
    assert len(own) > 5
    assert differences(own, parents) == []
    assert list(own) != list(parents), "or nothing was to be put in order"


def test_averages_that_are_new_begin_with_the_weights_of_the_root() -> None:
    spec, states = train_parent()
    other = set_values(spec, {"train.ema_decay": 0.9, "train.lookahead_steps": 2})
    begun, notes = branch_off(states[1], other, DATA)
    for name, value in states[1]["model"].items():
        assert torch.equal(begun["ema"][f"module.{name}"], value)
    parameters = [begun["model"][name] for name, _ in TrainState(other, DATA, CPU).model.named_parameters()]
    assert differences(begun["lookahead"]["slow"], parameters) == []
    assert notes == ["The average of the weights began with those after epoch 2."]
    ends, _ = run(other, DATA, resume=begun)
    assert ends[-1].metrics["val/loss"] < 3, "an average of random weights would be far off"


def test_averages_that_are_switched_off_are_left_behind() -> None:
    spec, states = train_parent(ema_decay=0.9, lookahead_steps=2)
    begun, _ = branch_off(states[1], set_values(spec, {"train.ema_decay": 0.0, "train.lookahead_steps": 0}), DATA)
    assert begun["ema"] is None
    assert begun["lookahead"] is None


def test_plateaus_of_before_do_not_lower_a_rate_that_heeds_them_from_now_on() -> None:
    spec, states = train_parent(schedule="constant", plateau_patience=1, learning_rate=1.0, optimizer="sgd")
    states[2]["plateau"]["reductions"] = 2
    other = set_values(spec, {"train.schedule": "plateau"})
    begun, notes = branch_off(states[2], other, DATA)
    assert begun["plateau"]["reductions"] == 0
    assert notes == ["Plateaus are counted from epoch 3 on."]
    kept, _ = branch_off(states[2], set_values(spec, {"train.clip_norm": 1.0}), DATA)
    assert kept["plateau"]["reductions"] == 2


def test_precision_is_settled_anew_only_where_it_is_changed() -> None:
    spec, states = train_parent()
    assert branch_off(states[1], set_values(spec, {"train.seed": 7}), DATA)[0]["precision"] == "float32"
    assert "precision" not in branch_off(states[1], set_values(spec, {"train.precision": "auto"}), DATA)[0]


def test_a_state_that_no_branch_can_begin_from_is_refused_in_a_sentence() -> None:
    spec, states = train_parent()
    longer = set_values(spec, {"train.epochs": 9})
    stopped = list(train(spec, DATA, should_stop=iter([False] * 7 + [True]).__next__))[-1].state
    with pytest.raises(CheckpointError, match="within an epoch"):
        branch_off(stopped, longer, DATA)
    with pytest.raises(CheckpointError, match="The images, or how they are split, have changed"):
        branch_off(states[1] | {"fingerprint": "others"}, longer, DATA)
    with pytest.raises(CheckpointError, match="other shapes"):
        branch_off(states[1], set_values(spec, {"model.layers[0].channels": 5}), DATA)


# --- weights alone ------------------------------------------------------------------------------------------------


def test_weights_are_those_that_the_parent_was_judged_by_and_all_else_is_fresh() -> None:
    spec, states = train_parent(ema_decay=0.8)
    other = set_values(spec, {"train.ema_decay": 0.5, "train.lookahead_steps": 2, "train.epochs": 2})
    begun, notes = take_weights(states[1], other, DATA, DATA.class_names)
    assert notes == []
    judged = weights_of(states[1])
    assert all(torch.equal(begun["model"][name], value) for name, value in judged.items())
    assert all(torch.equal(begun["ema"][f"module.{name}"], value) for name, value in judged.items())
    assert (begun["epoch"], begun["step"], begun["best"], begun["optimizer"]) == (0, 0, None, {})
    one, two = (run(other, DATA, resume=begun)[0] for _ in range(2))
    assert [end.epoch for end in one] == [1, 2]
    assert differences(one[-1].state["model"], two[-1].state["model"]) == []


def test_other_classes_get_a_linear_layer_of_their_own() -> None:
    spec, states = train_parent()
    fresh = TrainState(spec, DATA, CPU).model.state_dict()
    begun, (note,) = take_weights(states[1], spec, DATA, ("cat", "dog"))
    assert note == "Its classes are others, so the linear layer began anew."
    for name, value in begun["model"].items():
        assert torch.equal(value, (fresh if name.startswith("linear.") else weights_of(states[1]))[name]), name


def test_a_linear_layer_of_another_shape_begins_anew_and_other_networks_are_refused() -> None:
    spec, states = train_parent()
    wider = set_values(spec, {"model.pool_size": 4})
    begun, notes = take_weights(states[1], wider, DATA, DATA.class_names)
    assert notes
    assert begun["model"]["linear.weight"].shape != states[1]["model"]["linear.weight"].shape
    with pytest.raises(CheckpointError, match="other shapes"):
        take_weights(states[1], set_values(spec, {"model.layers[0].channels": 5}), DATA, DATA.class_names)
    with pytest.raises(CheckpointError, match="other shapes"):
        take_weights(states[1], set_values(spec, {"model.layers[1].blocks": 2}), DATA, DATA.class_names)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_frozen_layers_keep_weights_and_normalisation_and_the_others_learn(optimizer: str) -> None:
    spec = make_spec(
        optimizer=optimizer, frozen_layers=[0, 1], weight_decay=0.1, lookahead_steps=2, ema_decay=0.5, clip_norm=1.0,
        model={"stochastic_depth": 0.3}, layer_norms=True,
    )  # fmt: skip
    begun = TrainState(spec, DATA, CPU).model.state_dict()
    ends, _ = run(spec, DATA)
    for weights in (ends[-1].state["model"], weights_of(ends[-1].state)):
        moved = {name for name, value in weights.items() if not torch.equal(value, begun[name])}
        assert not [name for name in moved if name.startswith(("stem.", "layers.0."))]
        assert {"layers.1.0.body.0.weight", "linear.weight"} <= moved or any("layers.1" in name for name in moved)
    updates = {name: value for name, value in ends[-1].metrics.items() if name.endswith("/updates")}
    assert updates
    assert not [
        value for name, value in updates.items() if name.startswith(("norms/stem", "norms/layers.0.")) and value
    ]


def test_a_branch_may_freeze_what_its_parent_trained_and_notes_norms_of_the_others() -> None:
    spec, states = train_parent(layer_norms=True)
    ends, _ = go_on(states[1], set_values(spec, {"train.frozen_layers": [0]}))
    before = weights_of(states[1])
    assert all(torch.equal(value, before[name]) for name, value in ends[-1].state["model"].items() if "stem" in name)
    assert not torch.equal(ends[-1].state["model"]["linear.weight"], before["linear.weight"])


def test_a_training_with_frozen_layers_resumes_exactly_within_an_update() -> None:
    spec = make_spec(frozen_layers=[0], accumulation=3, epochs=2)
    whole = train_with_stops(spec, DATA, [])
    assert differences(train_with_stops(spec, DATA, [2, 3]), whole) == []
