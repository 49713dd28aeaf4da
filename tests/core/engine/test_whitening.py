"""The stem's filters decorrelate the pixels of patches, and stay as they are from then on."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.engine.augment import normalize
from core.engine.data import Data, ImageSet
from core.engine.state import TrainState
from core.engine.whitening import whitening_filters
from tests.core.engine.toy import make_data, make_spec, run

CPU = torch.device("cpu")
WHITENED = {"stem": "whitening", "pool_size": 1}


def correlated(count: int, size: int) -> torch.Tensor:
    """Smooth images whose colours go together, of mean zero."""
    noise = torch.randn(count, 1, size, size, generator=torch.Generator().manual_seed(0))
    return F.avg_pool2d(F.pad(noise, (1, 1, 1, 1), mode="circular"), 3, 1) + 0.1 * torch.randn(
        count, 3, size, size, generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("patch_size", [1, 2, 3])
def test_what_leaves_the_filters_is_white(patch_size: int) -> None:
    inputs = correlated(400, 12)
    filters = whitening_filters(inputs, patch_size)
    maps = F.conv2d(inputs, filters).transpose(0, 1).flatten(1)  # (3 p^2, values)
    moments = maps @ maps.T / maps.shape[1]
    # A small variance is added to each direction's own.
    assert (moments - torch.diag(moments.diag())).abs().max() < 1e-3
    assert 0.7 < moments.diag().min() <= moments.diag().max() < 1


def test_the_filters_are_those_of_a_plain_computation_with_numpy() -> None:
    inputs = correlated(30, 6)
    patches = np.lib.stride_tricks.sliding_window_view(inputs.double().numpy(), (2, 2), axis=(2, 3))
    rows = patches.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 12)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    expected = (vectors / np.sqrt(values + 5e-4)).T[::-1]
    found = whitening_filters(inputs, 2).reshape(12, 12).numpy()
    signs = np.sign((found * expected).sum(1, keepdims=True))  # of an eigenvector it is free
    np.testing.assert_allclose(found * signs, expected, rtol=1e-4, atol=1e-4)


def test_each_filter_is_there_with_both_signs_and_only_the_biases_are_trained() -> None:
    data = make_data()
    (end, *_), _ = run(make_spec(model=WHITENED, epochs=1), data)
    weight = end.state["model"]["stem.0.weight"]
    first = whitening_filters(normalize(data.train.images, data.mean, data.std), 2)
    assert torch.equal(weight, torch.cat([first, -first]))
    assert end.state["model"]["stem.0.bias"].count_nonzero() == 24


def test_grey_patches_have_filters_of_one_channel() -> None:
    inputs = correlated(400, 12)[:, :1]
    filters = whitening_filters(inputs, 2)
    assert filters.shape == (4, 1, 2, 2)
    maps = F.conv2d(inputs, filters).transpose(0, 1).flatten(1)
    moments = maps @ maps.T / maps.shape[1]
    assert (moments - torch.diag(moments.diag())).abs().max() < 1e-3


def test_images_that_show_one_colour_leave_no_infinite_filter() -> None:
    plain = make_data()
    train = ImageSet(torch.full_like(plain.train.images, 7), plain.train.labels)
    data = Data(train, plain.val, plain.test, plain.class_names, (7 / 255,) * 3, (1.0, 1.0, 1.0), "one colour")
    state = TrainState(make_spec(model=WHITENED), data, CPU)
    assert all(value.isfinite().all() for value in state.model.state_dict().values())


def test_a_resumed_training_keeps_the_filters_that_it_began_with() -> None:
    spec, data = make_spec(model=WHITENED), make_data()
    ends, _ = run(spec, data)
    state = copy.deepcopy(ends[0].state)
    state["model"]["stem.0.weight"] *= 2
    later, _ = run(spec, data, resume=state)
    assert torch.equal(later[-1].state["model"]["stem.0.weight"], state["model"]["stem.0.weight"])
