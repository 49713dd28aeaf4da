"""A choice added from outside, as docs/EXTENDING.md says: an entry in a table of the spec and one in the engine."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from core.engine import layers, model, optim, whitening
from core.engine.data import load_data
from core.engine.model import build_model, count_parameters
from core.spec import RunSpec, choices, parts, schedule
from core.spec.cost import cost_of, training_memory
from core.spec.schedule import LearningRate, preview
from tests.core.engine.toy import make_spec, run


def choose(section: str, **choice: str) -> RunSpec:
    """A spec with a choice that its type does not know yet."""
    spec = make_spec(epochs=1, batch_size=256)
    return spec.model_copy(update={section: getattr(spec, section).model_copy(update=choice)})


@pytest.mark.parametrize(
    ("names", "tables"),
    [
        (choices.Optimizer, [optim.OPTIMIZERS, choices.OPTIMIZER_COPIES]),
        (choices.Schedule, [schedule.SCHEDULES]),
        (parts.Block, [model.BLOCKS, parts.BLOCK_COSTS, parts.BLOCK_WEIGHTS]),
        (parts.Norm, [layers.NORMS, layers.BRANCH_ENDS, parts.NORM_COSTS]),
        (parts.Stem, [model.STEMS, whitening.STEM_FITS]),
        (parts.LayerStart, [model.LAYER_STARTS]),
        (parts.Downsampling, [layers.DOWN_POOLS]),
        (parts.Attention, [layers.ATTENTION, parts.ATTENTION_COSTS]),
        (parts.PoolKind, [layers.POOLS, parts.POOL_COSTS]),
        (parts.Activation, [layers.ACTIVATIONS, parts.ACTIVATION_MAPS]),
    ],
)
def test_every_name_has_a_label_and_an_entry_in_each_table(names: Any, tables: list[dict[str, Any]]) -> None:
    for table in (*tables, choices.CHOICE_LABELS):
        assert set(get_args(names)) <= set(table)
    for table in tables:
        assert set(table) == set(get_args(names))


def test_every_part_of_a_network_says_its_lowest_onnx_operator_set() -> None:
    kinds = (
        *(parts.Stem, parts.LayerStart, parts.Block, parts.Norm),
        *(parts.Attention, parts.PoolKind, parts.Activation),
    )
    assert set(parts.ONNX_OPSETS) == {name for kind in kinds for name in get_args(kind)}


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("train", "optimizer"),
        ("train", "schedule"),
        ("model", "stem"),
        ("model", "layer_start"),
        ("model", "downsampling"),
        ("model", "block"),
        ("model", "norm"),
        ("model", "attention"),
        ("model", "pool_kind"),
        ("model", "activation"),
    ],
)
def test_a_name_without_an_entry_is_refused_instead_of_trained_otherwise(section: str, name: str) -> None:
    spec = choose(section, **{name: "unknown"})
    with pytest.raises(KeyError, match="unknown"):
        run(spec, load_data(spec.data))


def test_an_optimizer_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(choices.OPTIMIZER_COPIES, "rmsprop", lambda momentum: 1)
    monkeypatch.setitem(
        optim.OPTIMIZERS, "rmsprop", lambda train, groups, graphs, common: torch.optim.RMSprop(groups, common["lr"])
    )
    spec = choose("train", optimizer="rmsprop")
    ends, _ = run(spec, load_data(spec.data))
    assert all("square_avg" in moments for moments in ends[-1].state["optimizer"].values())
    adam = choose("train", optimizer="adam")
    difference = training_memory(adam, cost_of(adam)) - training_memory(spec, cost_of(spec))
    assert difference == 4 * cost_of(spec).parameters


def test_a_schedule_trains_and_is_previewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schedule.SCHEDULES, "half", lambda rate, step, reductions: 0.5)
    spec = choose("train", schedule="half")
    assert LearningRate(spec.train, 10).at(3) == spec.train.learning_rate / 2
    assert set(preview(spec.train, 1000)[1]) == {spec.train.learning_rate / 2}
    ends, _ = run(spec, load_data(spec.data))
    assert ends[-1].metrics["learning_rate"] == spec.train.learning_rate / 2


class Plain(nn.Module):
    """A block without a skip connection."""

    def __init__(self, model: Any, layer: Any, channels: int, stride: int, skip_chance: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, layer.channels, layer.filter_size, stride, layer.filter_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).relu()


class Gate(nn.Module):
    """One weight a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.sigmoid()


@pytest.mark.parametrize(
    ("field", "entry", "cost"),
    [
        (
            "block",
            (model.BLOCKS, Plain),
            (
                parts.BLOCK_COSTS,
                lambda s: parts.conv(s.channels, s.out, s.filter_size, s.after, keeps_output=True),
            ),
        ),
        (
            "attention",
            (layers.ATTENTION, lambda model, channels: Gate(channels)),
            (parts.ATTENTION_COSTS, lambda channels, reduction, area: parts.Part(channels)),
        ),
        ("pool_kind", (layers.POOLS, nn.AvgPool2d), (parts.POOL_COSTS, lambda channels, size, pooled: parts.Part())),
        ("activation", (layers.ACTIVATIONS, nn.Softplus), (parts.ACTIVATION_MAPS, 2)),
    ],
)
def test_a_part_of_the_network_trains_and_its_parameters_are_counted(
    field: str, entry: tuple[dict[str, Any], Any], cost: tuple[dict[str, Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(entry[0], "new", entry[1])
    monkeypatch.setitem(cost[0], "new", cost[1])
    spec = choose("model", **{field: "new"})
    network = build_model(spec.model, spec.data.num_classes, spec.data.image_size)
    assert cost_of(spec).parameters == count_parameters(network)
    ends, _ = run(spec, load_data(spec.data))
    assert ends[-1].metrics["train/loss"] > 0
