"""Images of one's own get the answers that they get as part of the data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import logsumexp

from core.data.own_images import Brought
from core.engine import checkpoint
from core.engine.answers import predict_own
from core.engine.data import load_data
from core.helper.questions import Member, QuestionError, WeightsFile
from core.stats.scores import softmax
from tests.core.engine.toy import make_spec, run

SPECS = [make_spec(epochs=1, batch_size=64, seed=seed) for seed in (0, 1)]
COUNT = 12


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two networks trained on digits with their validation logits, and some validation images as files."""
    folder, data = tmp_path_factory.mktemp("own"), load_data(SPECS[0].data)
    members, logits = [], []
    for spec in SPECS:
        ends, finished = run(spec, data)
        path = folder / f"{spec.train.seed}.safetensors"
        weights = WeightsFile(spec.model_dump_json(), str(path), checkpoint.save(ends[-1].state, path), "best")
        members.append(Member(weights, data.mean, data.std))
        logits.append(finished.predictions["val_best"][:COUNT].astype(float))
    (folder / "images").mkdir()
    for index in range(COUNT):
        pixels = data.val.images[index].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / "images" / f"{index}.png")
    return members, logits, folder / "images"


def test_own_images_get_the_probabilities_of_the_training(trained) -> None:
    members, logits, folder = trained
    pieces = [predict_own(members[:1], Brought(str(folder)), start, 5, False) for start in (0, 5, 10)]
    assert [len(piece) for piece in pieces] == [5, 5, 2]
    assert {piece.total for piece in pieces} == {COUNT}
    found = np.concatenate([piece.probabilities for piece in pieces])
    np.testing.assert_allclose(found, softmax(logits[0]), atol=2e-3)
    energies = np.concatenate([piece.energies for piece in pieces])
    np.testing.assert_allclose(energies, -logsumexp(logits[0], axis=1), atol=1e-2)


def test_several_networks_answer_by_the_mean_of_their_probabilities(trained) -> None:
    members, logits, folder = trained
    found = predict_own(members, Brought(str(folder)), 0, COUNT, True)
    np.testing.assert_allclose(found.probabilities, (softmax(logits[0]) + softmax(logits[1])) / 2, atol=2e-3)


def test_networks_of_one_channel_and_of_three_answer_together(trained, tmp_path: Path) -> None:
    members, logits, folder = trained
    spec = make_spec(epochs=1, batch_size=64, data={"colour": "grey"})
    data = load_data(spec.data)
    ends, finished = run(spec, data)
    path = tmp_path / "grey.safetensors"
    weights = WeightsFile(spec.model_dump_json(), str(path), checkpoint.save(ends[-1].state, path), "best")
    own = softmax(finished.predictions["val_best"][:COUNT].astype(float))
    grey = Member(weights, data.mean, data.std)
    found = predict_own([grey], Brought(str(folder)), 0, COUNT, False)
    np.testing.assert_allclose(found.probabilities, own, atol=2e-3)
    both = predict_own([members[0], grey], Brought(str(folder)), 0, COUNT, False)
    np.testing.assert_allclose(both.probabilities, (own + softmax(logits[0])) / 2, atol=2e-3)


def test_an_image_that_cannot_be_read_has_no_probabilities(trained, tmp_path: Path) -> None:
    members, _, folder = trained
    (tmp_path / "0.png").write_bytes((folder / "0.png").read_bytes())
    (tmp_path / "1.png").write_bytes(b"nothing")
    found = predict_own(members[:1], Brought(str(tmp_path)), 0, 2, False)
    assert list(found.faults) == [1]
    assert np.isfinite(found.probabilities[0]).all()
    assert np.isnan(found.probabilities[1]).all()


def test_a_set_that_changed_is_read_again(trained, tmp_path: Path) -> None:
    members, *_ = trained
    array = tmp_path / "x.npy"
    for count in (3, 2):
        np.save(array, np.zeros((count, 8, 8), np.uint8))
        assert predict_own(members[:1], Brought(str(array)), 0, 5, False).total == count


def test_trouble_is_a_question_that_cannot_be_answered(trained) -> None:
    members, *_ = trained
    with pytest.raises(QuestionError, match="cannot be read"):
        predict_own(members, Brought("/nowhere/at/all"), 0, 5, False)
