"""What is measured before a training: real steps, in the shape of the spec, and memory that grows with the batch."""

from dataclasses import asdict

import pytest
import torch

from core.engine import estimate
from core.engine.estimate import STEPS, invent_data, measure
from core.engine.events import TrainingError
from core.spec import RunSpec
from core.spec.schedule import ImageSides
from tests.core.engine.toy import make_spec

CPU = torch.device("cpu")
RUN = None


class Steps:
    """One step, in as many seconds as its images have pixels."""

    steps = 1

    def __init__(self, spec: RunSpec) -> None:
        sides = ImageSides(spec.train, spec.data.image_size)
        self.seconds = sides.at(0, 10**6) ** 2


def test_it_trains_twenty_steps_of_the_specs_own_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    forward = torch.nn.Module.__call__
    spec = make_spec(batch_size=24)

    def count(module: torch.nn.Module, *args: torch.Tensor) -> object:
        if module.training and getattr(args[0], "ndim", 0) == 4 and args[0].shape[1] == 3:
            seen.append(tuple(args[0].shape))
        return forward(module, *args)

    monkeypatch.setattr(torch.nn.Module, "__call__", count)
    told = measure(spec, CPU)
    assert told.steps == STEPS
    # Once for the network, once for its first convolution.
    assert seen.count((24, 3, spec.data.image_size, spec.data.image_size)) >= STEPS
    assert all(value > 0 for name, value in asdict(told).items() if name != "image_bytes"), told


def test_a_training_whose_images_grow_is_measured_at_every_side(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_spec(batch_size=24, grow_images=True, first_side=4, growth_steps=2, grown_after=0.5)
    monkeypatch.setattr(estimate, "_train_batches", lambda spec, *rest: (Steps(spec), RUN))
    monkeypatch.setattr(estimate, "_end_epoch", lambda run: (0.0, 0.0))
    monkeypatch.setattr(estimate, "_measure_growth", lambda *all: 0.0)
    # Full images take 64 seconds, those of side s take s squared.
    assert measure(spec, CPU).step_seconds == pytest.approx(16 / 4 + 36 / 4 + 64 / 2)


def test_a_slow_device_is_measured_by_fewer_steps() -> None:
    assert measure(make_spec(batch_size=24), CPU, seconds=0.0).steps == 1


def test_nothing_is_left_of_the_random_state_or_of_the_callers_settings() -> None:
    torch.manual_seed(5)
    expected = torch.get_rng_state()
    measure(make_spec(batch_size=8), CPU)
    assert torch.equal(torch.get_rng_state(), expected)


def test_a_rate_that_would_end_a_training_does_not_end_the_measurement() -> None:
    assert measure(make_spec(batch_size=8, learning_rate=100.0, optimizer="sgd"), CPU).steps == STEPS


@pytest.mark.parametrize("batch_size", [1, 16_384])
def test_the_smallest_and_the_largest_batch_can_be_measured(batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "WARM_UP", 1)
    spec = make_spec(batch_size=batch_size)
    told = measure(spec, CPU, seconds=0.0)
    assert told.steps >= 1
    assert told.memory_bytes > batch_size * 3 * spec.data.image_size**2


def test_one_image_where_batch_normalisation_needs_two_is_said_in_words() -> None:
    layers = [{"channels": 4, "stride": 4}, {"channels": 4, "stride": 2}]
    spec = make_spec(model={"layers": layers, "pool_size": 1}, batch_size=1)
    with pytest.raises(TrainingError, match="Batch normalisation"):
        measure(spec, CPU)


def test_invented_images_have_the_shape_of_real_ones() -> None:
    spec = make_spec()
    data = invent_data(spec, 40, CPU)
    assert data.train.images.shape == (40, 3, spec.data.image_size, spec.data.image_size)
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)
    assert data.train.images.dtype == torch.uint8
    assert set(data.train.labels.tolist()) <= set(range(spec.data.num_classes))
