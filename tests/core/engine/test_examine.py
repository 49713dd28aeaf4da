"""A checkpoint answers as it did in training, Grad-CAM is that of the paper, and trouble comes as a sentence."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.nn import functional as F

from core.data.edits import Edits
from core.data.shades import Scale
from core.engine import checkpoint, examine
from core.engine.data import load_data
from core.engine.examine import grad_cam, list_layers
from core.engine.model import build_model
from core.examine.predicting import Prediction
from core.helper.questions import Picture, QuestionError, WeightsFile
from core.stats.scores import softmax
from tests.core.engine.toy import SIZE, make_spec, run

SPEC = make_spec(epochs=1, batch_size=64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint of a real training on digits, and the event that ended it."""
    ends, finished = run(SPEC, load_data(SPEC.data))
    path = tmp_path_factory.mktemp("trained") / "last.safetensors"
    sha256 = checkpoint.save(ends[-1].state, path)
    return WeightsFile(SPEC.model_dump_json(), str(path), sha256, "best"), finished


@pytest.fixture
def data():
    return load_data(SPEC.data)


def digit_file(place: int) -> bytes:
    pixels = np.round(load_digits().images[place] * (255 / 16)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


# Predictions


def test_pieces_put_together_are_the_predictions_of_the_training(trained, data) -> None:
    weights, finished = trained
    pieces = [examine.predict(weights, "val", start, 50) for start in range(0, len(data.val), 50)]
    assert {piece.total for piece in pieces} == {len(data.val)}
    np.testing.assert_allclose(
        np.concatenate([piece.logits for piece in pieces]).astype(float),
        finished.predictions["val_best"].astype(float),
        atol=2e-3,
    )
    np.testing.assert_array_equal(np.concatenate([piece.labels for piece in pieces]), data.val.labels.numpy())


def test_one_image_gets_the_answer_that_it_gets_among_many(trained, data) -> None:
    weights, _ = trained
    whole = examine.predict(weights, "val", 0, 20).logits.astype(float)
    for place in (0, 7, 19):
        answer = examine.ask(weights, Picture("val", place))
        expected = np.exp(whole[place]) / np.exp(whole[place]).sum()
        np.testing.assert_allclose(answer.probabilities, expected, atol=2e-3)
        assert answer.label == int(data.val.labels[place])
        np.testing.assert_array_equal(answer.pixels, data.val.images[place].permute(1, 2, 0).numpy())


def test_predictions_by_the_helper_process_come_whole(trained, monkeypatch) -> None:
    from concurrent.futures import Future

    weights, finished = trained

    def answer(target: str, **kwargs) -> Future:
        future: Future = Future()
        future.set_result(examine.predict(**kwargs))
        return future

    monkeypatch.setattr("core.examine.predicting.call", answer)
    monkeypatch.setattr("core.examine.predicting.PIECE_IMAGES", 40)
    prediction = Prediction(weights, "val")
    prediction.wait()
    logits, labels = prediction.result()
    assert len(logits) == len(labels) == prediction.total == prediction.done
    assert (logits.argmax(1) == finished.predictions["val_best"].argmax(1)).mean() > 0.98


# Grad-CAM


@pytest.mark.parametrize("block", ["basic", "preactivation"])
@pytest.mark.parametrize("layer", [0, -1])
def test_heat_is_that_of_the_paper(block: str, layer: int) -> None:
    """Selvaraju et al. 2017, equations 1 and 2, written out: the mean gradient of each map weighs the map."""
    spec = make_spec(model={"block": block, "activation": "silu"})
    torch.manual_seed(0)
    model = build_model(spec.model, 10, SIZE).eval()
    image = torch.randn(1, 3, SIZE, SIZE)
    kept: list[torch.Tensor] = []
    hook = list_layers(model)[layer].register_forward_hook(lambda _m, _i, out: kept.append(out))
    logit = model(image)[0, 4]
    hook.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    maps = F.relu((gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True)).detach()
    expected = F.interpolate(maps, (SIZE, SIZE), mode="bilinear")[0, 0]
    found = grad_cam(model, image, 4, layer)
    if expected.max() > 0:
        np.testing.assert_allclose(found, (expected / expected.max()).numpy(), atol=1e-5)
        assert found.max() == 1
    else:
        assert not found.any()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_heat_of_a_place_that_speaks_for_nothing_is_zero_and_no_nan() -> None:
    model = build_model(SPEC.model, 10, SIZE)
    torch.nn.init.zeros_(model.linear.weight)
    heat = grad_cam(model, torch.randn(1, 3, SIZE, SIZE), 0)
    assert not heat.any()


def test_another_class_has_other_heat(trained) -> None:
    weights, _ = trained
    heats = [examine.ask(weights, Picture("val", 3), for_class=number).heat for number in range(10)]
    assert len({heat.tobytes() for heat in heats}) > 1
    assert all(0 <= heat.min() <= heat.max() <= 1 for heat in heats)


# One's own images


def test_ones_own_image_is_resized_as_the_data_set_was(trained) -> None:
    for size in (8, 20, 32):
        spec = SPEC.data.model_copy(update={"image_size": size})
        whole = load_data(spec)
        everything = torch.cat([whole.train.images, whole.val.images, whole.test.images])
        own = examine.read_own(digit_file(5), spec)
        assert own.shape == (1, 3, size, size)
        assert (everything == own).flatten(1).all(1).any()
    answer = examine.ask(trained[0], Picture(content=digit_file(5)))
    assert answer.label is None


def test_a_colour_photo_is_made_grey_for_a_network_of_grey_digits() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (250, 10, 10)).save(buffer, "JPEG")
    own = examine.read_own(buffer.getvalue(), SPEC.data)
    assert (own[:, 0] == own[:, 1]).all()
    assert (own[:, 1] == own[:, 2]).all()


# Grey images


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """A checkpoint of a training on digits of one channel, and the event that ended it."""
    spec = make_spec(epochs=1, batch_size=64, data={"colour": "grey"})
    ends, finished = run(spec, load_data(spec.data))
    path = tmp_path_factory.mktemp("grey") / "last.safetensors"
    return WeightsFile(spec.model_dump_json(), str(path), checkpoint.save(ends[-1].state, path), "best"), finished


def test_a_network_of_one_channel_answers_as_in_training_and_shows_what_it_saw(grey, data) -> None:
    weights, finished = grey
    expected = softmax(finished.predictions["val_best"][:3].astype(float))
    for place in range(3):
        answer = examine.ask(weights, Picture("val", place))
        np.testing.assert_allclose(answer.probabilities, expected[place], atol=2e-3)
        np.testing.assert_array_equal(answer.pixels, data.val.images[place].permute(1, 2, 0).numpy())
        assert answer.heat.shape == (SIZE, SIZE)


def test_ones_own_image_and_edits_reach_a_network_of_one_channel(grey) -> None:
    weights, _ = grey
    own = examine.ask(weights, Picture(content=digit_file(5)))
    assert own.pixels.shape == (SIZE, SIZE, 3)
    edited = examine.ask(weights, Picture(content=digit_file(5)), Edits(rotation=40, noise=0.3, invert=True))
    assert (edited.pixels == edited.pixels[..., :1]).all()
    assert not np.array_equal(edited.pixels, own.pixels)
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (250, 10, 10)).save(buffer, "PNG")
    assert examine.ask(weights, Picture(content=buffer.getvalue())).pixels[0, 0].tolist() == [82, 82, 82]


# Trouble


def test_what_cannot_be_answered_is_a_sentence(trained, tmp_path: Path) -> None:
    weights, _ = trained
    with pytest.raises(QuestionError, match="There is no image 999999"):
        examine.ask(weights, Picture("val", 999_999))
    with pytest.raises(QuestionError, match="There is no class 10"):
        examine.ask(weights, Picture("val", 0), for_class=10)
    with pytest.raises(QuestionError, match="There is no layer 2"):
        examine.ask(weights, Picture("val", 0), layer=2)
    damaged = tmp_path / "damaged.safetensors"
    shutil.copy(weights.path, damaged)
    with damaged.open("r+b") as file:
        file.seek(2000)
        file.write(b"!")
    with pytest.raises(QuestionError, match="is damaged"):
        examine.prepare(replace(weights, path=str(damaged)))
    with pytest.raises(QuestionError, match="could not be read"):
        examine.prepare(replace(weights, path=str(tmp_path / "gone.safetensors")))
    with pytest.raises(QuestionError, match="model"):
        examine.prepare(replace(weights, spec_json='{"model": 1}'))


def test_weights_of_other_images_or_another_shape_are_refused(trained, tmp_path: Path) -> None:
    weights, _ = trained
    state = checkpoint.load(Path(weights.path), weights.sha256)
    moved = tmp_path / "moved.safetensors"
    sha256 = checkpoint.save(state | {"fingerprint": "other"}, moved)
    with pytest.raises(QuestionError, match="no longer those of this run"):
        examine.prepare(WeightsFile(weights.spec_json, str(moved), sha256, "best"))
    wider = make_spec(model={"stem_channels": 8}).model_dump_json()
    with pytest.raises(QuestionError, match="could not be asked"):
        examine.prepare(replace(weights, spec_json=wider))


def test_errors_reach_a_process_without_torch(trained) -> None:
    """An exception of the engine's own would make its receiver import torch."""
    weights, _ = trained
    with pytest.raises(QuestionError) as caught:
        examine.prepare(replace(weights, sha256="0" * 64))
    assert type(caught.value).__module__ == "core.helper.questions"
    assert caught.value.__cause__ is None


def test_ones_own_image_is_scaled_and_laid_over_the_ground_like_the_set() -> None:
    spec = SPEC.data.model_copy(update={"dataset": "folder", "folder": "images", "image_size": 8})
    deep, clear = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(deep, "PNG")
    assert examine.read_own(deep.getvalue(), spec, {"uint16": Scale(0, 4095)}).unique().tolist() == [1000 >> 4]
    assert examine.read_own(deep.getvalue(), spec).unique().tolist() == [1000 >> 2]  # of no set: by its own range
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(clear, "PNG")
    for ground, value in (("white", 255), ("black", 0)):
        own = examine.read_own(clear.getvalue(), spec.model_copy(update={"ground": ground}))
        assert own.unique().tolist() == [value]
