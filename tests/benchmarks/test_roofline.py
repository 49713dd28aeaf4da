"""The roofline of a step: operations counted as a textbook does, and parts that add up to the step."""

import pytest
import torch
from torch import nn

from benchmarks.roofline import REST, Work, count_work, make_rows, measure_steps, walk_graph
from core.engine.data import load_data
from core.spec.cost import cost_of
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS


@pytest.mark.parametrize(("needs_gradient", "passes"), [(True, 3), (False, 2)])
def test_a_convolution_does_its_operations_once_forward_and_once_for_each_gradient(
    needs_gradient: bool, passes: int
) -> None:
    layer = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False)
    x = torch.zeros(2, 8, 10, 10, requires_grad=needs_gradient)
    # 16 channels of 5x5 values, of two images, each a sum of 8 x 3 x 3 products.
    forward = 2 * (2 * 16 * 5 * 5) * (8 * 3 * 3)
    assert count_work(layer, x, layer(x)).operations == passes * forward


def test_the_shares_of_all_parts_make_up_the_step() -> None:
    parts = {"a": Work(operations=100, bytes=10, forward=1.0, backward=2.0), "b": Work(bytes=40, forward=0.5)}
    a, b, rest = make_rows(parts, {"a": "one", "b": "other"}, step=4.0, flops=50, bandwidth=20)
    assert (a["of_peak"], a["least_ms"], a["of_bandwidth"]) == (round(100 / 50 / 3, 3), 2000, round(10 / 20 / 3, 3))
    assert (b["of_peak"], b["least_ms"]) == (None, 2000)
    assert rest["part"] == REST
    assert sum(row["of_step"] for row in (a, b, rest)) == pytest.approx(1)


def test_every_layer_of_a_real_step_is_timed_forward_and_backward() -> None:
    sections = PRESETS["first-look"].spec.model_dump(mode="json")
    sections["data"] |= {"max_train_images": 512, "image_size": 8}
    sections["model"]["pool_size"] = 2
    spec = parse_spec(sections | {"train": sections["train"] | {"device": "cpu"}})
    parts, labels, step = measure_steps(spec, load_data(spec.data), 2)
    convolutions = [parts[name] for name, label in labels.items() if ": " in label]
    assert convolutions
    assert all(part.forward > 0 and part.backward > 0 for part in convolutions)
    assert 0 < sum(part.seconds for part in parts.values()) < 2 * step
    counted = sum(part.operations for part in parts.values())
    images = spec.train.batch_size
    stem = 2 * images * spec.model.stem_channels * 8 * 8 * 3 * 9  # whose input needs no gradient
    assert counted == 6 * images * cost_of(spec).multiply_adds - stem


def test_each_node_of_a_graph_is_met_once() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    nodes = [node.name() for node in walk_graph((y + y).grad_fn)]
    assert sorted(nodes) == ["AddBackward0", "MulBackward0", "torch::autograd::AccumulateGrad"]
