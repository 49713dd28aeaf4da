"""Scores are those of a plain pass over all images at once."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from core.engine.augment import normalize
from core.engine.data import ImageSet
from core.engine.evaluate import Evaluation, evaluate, predict_views
from core.engine.model import build_model
from core.examine.predictions import check_predicted, work_out
from tests.core.engine.toy import NUM_CLASSES, SIZE, make_data, make_spec


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(make_spec(model={"dropout": 0.5}).model, NUM_CLASSES, SIZE)


def test_scores_equal_those_of_one_plain_pass(model):
    data = make_data()
    scores = evaluate(model, data.val, data, batch_size=7, dtype=torch.float32)
    model.eval()
    with torch.no_grad():
        logits = model((data.val.images / 255 - 0.5) / 0.25)
    assert scores.loss == pytest.approx(F.cross_entropy(logits, data.val.labels).item(), rel=1e-5)
    np.testing.assert_allclose(scores.logits, logits.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 7, 30, 1000])
def test_the_batch_size_does_not_matter(model, batch_size):
    data = make_data()
    one = evaluate(model, data.val, data, batch_size=30, dtype=torch.float32)
    other = evaluate(model, data.val, data, batch_size=batch_size, dtype=torch.float32)
    assert other.loss == pytest.approx(one.loss, rel=1e-5)
    assert other.accuracy == one.accuracy


class Scaled(nn.Module):
    """Logits of any size: some pixels, times `scale`, with ties among the large ones."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        return x.flatten(1)[:, :NUM_CLASSES] * self.scale


@given(scale=st.floats(1e-6, 1e35), dtype=st.sampled_from([torch.float32, torch.bfloat16]), seed=st.integers(0, 99))
@example(scale=1e6, dtype=torch.float32, seed=0)
@settings(max_examples=25, deadline=None)
def test_accuracy_and_loss_are_those_of_the_stored_logits_whatever_their_size(scale, dtype, seed):
    data = make_data(num_test=33)
    part = ImageSet(data.test.images, torch.from_numpy(np.random.default_rng(seed).integers(NUM_CLASSES, size=33)))
    scores = evaluate(Scaled(scale), part, data, batch_size=8, dtype=dtype)
    logits = Scaled(scale)(normalize(part.images, data.mean, data.std, dtype)).float()
    figures = work_out(check_predicted(scores.logits, part.labels.numpy(), NUM_CLASSES))
    assert np.array_equal(scores.logits, logits.numpy())
    assert scores.accuracy == figures.accuracy.value == (logits.argmax(1) == part.labels).double().mean().item()
    assert scores.loss == pytest.approx(F.cross_entropy(logits.double(), part.labels).item(), rel=1e-5)
    assert scores.loss == pytest.approx(figures.loss, rel=1e-5)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_logit_that_is_no_finite_number_makes_the_loss_one_that_ends_the_training(value):
    class Broken(nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), NUM_CLASSES).index_fill_(1, torch.tensor(3), value)

    data = make_data()
    part = ImageSet(data.val.images, torch.zeros_like(data.val.labels))  # a logit of -inf costs these images nothing
    assert np.isnan(evaluate(Broken(), part, data, batch_size=8, dtype=torch.float32).loss)


def test_progress_counts_images_and_batches(model):
    data = make_data(num_val=30)
    evaluation = Evaluation(model, data.val, data, batch_size=8, dtype=torch.float32)
    assert list(evaluation) == [8, 16, 24, 30]
    assert len(evaluation) == 4


def test_evaluation_changes_neither_weights_nor_statistics(model):
    data = make_data()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, data.val, data, batch_size=8, dtype=torch.float32)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_views_are_the_mean_over_mirrored_and_shifted_copies_of_each_image(model):
    model.eval()
    x = torch.randn(5, 3, SIZE, SIZE)
    # Reflected at the border: the second row and column come again before the first, the last but one after the last.
    places = [1, *range(SIZE), SIZE - 2]
    wide = x[:, :, places][:, :, :, places]

    def sides(images):
        return (model(images) + model(images.flip(-1))) / 2

    with torch.no_grad():
        shifted = (sides(wide[..., :SIZE, :SIZE]) + sides(wide[..., 2:, 2:])) / 2
        torch.testing.assert_close(predict_views(model, x, "none"), model(x))
        torch.testing.assert_close(predict_views(model, x, "mirror"), sides(x))
        torch.testing.assert_close(predict_views(model, x, "mirror_shift"), (sides(x) + shifted) / 2)


def test_unknown_views_are_refused_instead_of_taken_for_others(model):
    with pytest.raises(AssertionError, match="twice"):
        predict_views(model, torch.zeros(1, 3, SIZE, SIZE), "twice")
