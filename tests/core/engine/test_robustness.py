"""Spoiled images and other sets are answered as one by one, with the run's own scale and classes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.channels import to_colour, to_grey
from core.data.corruptions import corrupt, list_variations
from core.data.own_images import Brought
from core.engine import checkpoint
from core.engine.answers import predict_own
from core.engine.data import load_data
from core.engine.robustness import pick_spread, predict_set, score_spoilt
from core.helper.questions import Member, QuestionError, WeightsFile
from tests.core.engine.toy import make_spec, run

SPEC = make_spec(epochs=2, batch_size=64)
NAMES = tuple("0123456789")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network trained on digits, its validation logits and its images."""
    data = load_data(SPEC.data)
    ends, finished = run(SPEC, data)
    path = tmp_path_factory.mktemp("trained") / "last.safetensors"
    weights = WeightsFile(SPEC.model_dump_json(), str(path), checkpoint.save(ends[-1].state, path), "best")
    return Member(weights, data.mean, data.std), finished.predictions["val_best"], data


def test_images_as_they_are_get_the_trainings_answers_and_pieces_come_to_the_whole(trained) -> None:
    member, logits, data = trained
    whole = score_spoilt(member.weights, 0, 1000, 50, 0)
    indices = pick_spread(len(data.val), 50)
    np.testing.assert_array_equal(whole.right, (logits.argmax(1) == data.val.labels.numpy())[indices])
    assert (whole.images, whole.total) == (50, 50 * len(list(list_variations())))
    pieces = [score_spoilt(member.weights, 50 + done, 20, 50, 0) for done in (0, 20, 40)]
    assert [len(piece) for piece in pieces] == [20, 20, 10]
    together = score_spoilt(member.weights, 50, 1000, 50, 0)
    np.testing.assert_array_equal(np.concatenate([piece.right for piece in pieces]), together.right)


def test_a_spoiled_image_is_the_one_that_own_images_would_be(trained, tmp_path: Path) -> None:
    member, _, data = trained
    variations = list(list_variations())
    number = variations.index(("turn", 5))
    indices = pick_spread(len(data.val), 20)
    pixels = data.val.images[indices].permute(0, 2, 3, 1).numpy()
    spoilt = to_colour(to_grey(corrupt(pixels, "turn", 5, 7, indices.tolist())))
    np.save(tmp_path / "x.npy", spoilt)
    wanted = predict_own((member,), Brought(str(tmp_path / "x.npy")), 0, 20, False).probabilities.argmax(1)
    found = score_spoilt(member.weights, 20 * number, 20, 20, 7).right
    np.testing.assert_array_equal(found, wanted == data.val.labels[indices].numpy())


def make_set(folder: Path, data, names: dict[int, str]) -> str:
    """Validation images of these classes as an image folder; returns the spec that reads it."""
    for index in range(60):
        label = int(data.val.labels[index])
        if label in names:
            path = folder / names[label] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(data.val.images[index].permute(1, 2, 0).numpy()).save(path)
    spec = {"dataset": "folder", "folder": str(folder), "folder_classes": len(names)}
    return json.dumps({"data": spec})


def test_another_set_is_labelled_by_the_runs_classes_wherever_its_own_begin(
    trained, tmp_path: Path, lab_folders: Path
) -> None:
    member, logits, data = trained
    asked = make_set(tmp_path / "other", data, {3: "3", 8: "8"})
    first = predict_set(member, asked, NAMES, 0, 5)
    rest = predict_set(member, asked, NAMES, 5, 1000)
    assert first.total == len(first) + len(rest)
    labels = np.concatenate([first.labels, rest.labels])
    assert set(labels.tolist()) == {3, 8}
    own = np.isin(data.val.labels[:60].numpy(), (3, 8))
    right = logits[:60].argmax(1) == data.val.labels[:60].numpy()
    found = np.concatenate([first.logits, rest.logits]).argmax(1) == labels
    assert found.sum() == right[own].sum()


def test_a_set_with_an_unknown_class_is_a_sentence(trained, tmp_path: Path, lab_folders: Path) -> None:
    member, _, data = trained
    asked = make_set(tmp_path / "other", data, {3: "3", 8: "eight"})
    with pytest.raises(QuestionError, match="classes that the run does not know: eight"):
        predict_set(member, asked, NAMES, 0, 5)
    with pytest.raises(QuestionError, match="There is no answer"):
        score_spoilt(member.weights, 10**9, 5, 5, 0)
