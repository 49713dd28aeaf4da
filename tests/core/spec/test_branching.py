"""Which fields a branch may change, held against the network that is built and the images that are read."""

from __future__ import annotations

from typing import Any

import pytest

from core.engine.model import build_model
from core.spec import RunSpec
from core.spec.branching import _SPLIT, find_obstacles, is_free, list_changes
from core.spec.fields import LAYERS, flatten, label_path
from core.spec.parse import SpecError, parse_spec
from core.spec.settings import set_values

SMALL = parse_spec({"model": {"stem_channels": 8, "layers": [{"channels": 8, "blocks": 1}, {"channels": 16}]}})
# Another value for each of the model's fields.
OTHERS: dict[str, Any] = {
    "model.stem_channels": 9,
    "model.stem_filter": 5,
    "model.block": "preactivation",
    "model.activation": "silu",
    "model.attention": "se",
    "model.pool_kind": "gem",
    "model.pool_size": 2,
    "model.dropout": 0.2,
    "model.stochastic_depth": 0.2,
    "model.block_dropout": 0.2,
    "model.identity_filters": True,
    "model.norm": "group",
    "model.norm_groups": 4,
    "model.norm_momentum": 0.2,
    "model.norm_epsilon": 1e-4,
    "model.head_scale": 2.0,
    "model.head_bias": False,
    "model.layer_start": "convolution",
    **{
        f"model.layers[1].{name}": value
        for name, value in {"blocks": 3, "channels": 24, "filter_size": 5, "skip_kernel": 3}.items()
    },
}


def shapes_of(spec: RunSpec) -> dict[str, Any]:
    model = build_model(spec.model, spec.data.num_classes, spec.data.image_size, spec.data.num_channels)
    return {name: value.shape for name, value in model.state_dict().items()}


def problems(**values: Any) -> list[str]:
    changed = set_values(SMALL, {path.replace("__", "."): value for path, value in values.items()})
    return [problem.path for problem in find_obstacles(SMALL, changed, 2)]


@pytest.mark.parametrize("path", OTHERS)
def test_a_field_of_the_network_may_change_if_the_weights_keep_their_shapes(path: str) -> None:
    changed = set_values(SMALL, {path: OTHERS[path]})
    keeps = shapes_of(changed) == shapes_of(SMALL)
    assert [problem.path for problem in find_obstacles(SMALL, changed, 2)] == ([] if keeps else [path])


def test_all_of_training_and_augmentation_may_change_and_the_images_may_not() -> None:
    free = {path for path in flatten(SMALL) if is_free(path)}
    assert {path for path in flatten(SMALL) if path.startswith(("train.", "augment."))} <= free
    assert {path for path in free if path.startswith("data.")} == {"data.folder"}, "where the same images lie"
    assert problems(train__learning_rate=0.1, train__optimizer="sgd", augment__flip=False, train__epochs=20) == []
    assert problems(data__split_seed=1, data__val_fraction=0.2) == ["data.val_fraction", "data.split_seed"]


def test_pooling_may_change_between_kinds_without_weights() -> None:
    assert problems(model__pool_kind="max") == []


def test_another_number_of_layers_is_one_problem_and_reasons_are_told() -> None:
    longer = parse_spec({**SMALL.model_dump(mode="json"), "model": {"stem_channels": 8, "layers": [{}, {}, {}]}})
    found = find_obstacles(SMALL, longer, 2)
    assert found[0].path == LAYERS
    assert "must stay 2 in a branch: the checkpoint's weights have the shapes" in found[0].message
    held_out = find_obstacles(SMALL, set_values(SMALL, {"data.split_seed": 1}), 2)
    assert "images that would be held out" in str(held_out[0])


def test_a_branch_has_an_epoch_left_to_train() -> None:
    (problem,) = find_obstacles(SMALL, set_values(SMALL, {"train.epochs": 2}), 2)
    assert str(problem) == "train.epochs = 2: must be more than 2: the branch begins after epoch 2"
    assert find_obstacles(SMALL, SMALL, 2) == []


def test_changes_tell_what_was_and_what_is() -> None:
    changed = set_values(SMALL, {"train.learning_rate": 0.1, "train.milestones": [3, 4]})
    assert list_changes(SMALL, changed) == {"train.learning_rate": [0.001, 0.1], "train.milestones": ["–", "3, 4"]}
    assert all(label_path(path) != path for path in list_changes(SMALL, changed))


def test_weights_alone_may_go_to_other_images_but_not_to_another_split_of_the_same() -> None:
    def found(**values: Any) -> list[str]:
        changed = set_values(SMALL, {path.replace("__", "."): value for path, value in values.items()})
        return [problem.path for problem in find_obstacles(SMALL, changed, 20, "weights")]

    assert found(data__dataset="cifar10", data__val_fraction=0.2, data__split_seed=3) == []
    assert found(data__image_size=64, model__pool_size=8, train__epochs=1) == []
    assert found(data__val_fraction=0.2, data__split_seed=3) == ["data.val_fraction", "data.split_seed"]
    assert found(model__stem_channels=9) == ["model.stem_channels"]
    assert found(data__colour="grey") == ["data.colour"]


def test_frozen_layers_are_parts_that_the_network_has() -> None:
    assert set_values(SMALL, {"train.frozen_layers": [0, 2]}).train.frozen_layers == (0, 2)
    with pytest.raises(SpecError, match=r"train\.frozen_layers = .*: the network has 2 block layers, counted from 1"):
        set_values(SMALL, {"train.frozen_layers": [3]})


def test_what_decides_which_images_are_held_out_is_known_here() -> None:
    known = {path for path in flatten(SMALL) if path.startswith("data.")}
    assert known >= _SPLIT
    alone = {"dataset", "folder", "folder_classes", "image_size", "colour", "ground", "damaged"}
    assert known - _SPLIT == {f"data.{name}" for name in alone}, "does the new field change what is held out?"
