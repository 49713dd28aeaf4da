"""Distances to the training's features, held against plain numpy; noise is far away, validation images are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.own_images import Brought
from core.engine import checkpoint, unusual
from core.engine.answers import predict_own
from core.engine.augment import normalize
from core.engine.data import load_data
from core.engine.examine import load_network
from core.engine.unusual import ask, find_reference, measure_validation
from core.helper.questions import Member, WeightsFile
from tests.core.engine.toy import make_spec, run

SPEC = make_spec(epochs=3, batch_size=64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    data = load_data(SPEC.data)
    ends, _ = run(SPEC, data)
    path = tmp_path_factory.mktemp("trained") / "last.safetensors"
    weights = WeightsFile(SPEC.model_dump_json(), str(path), checkpoint.save(ends[-1].state, path), "last")
    return Member(weights, data.mean, data.std), data


def features_of(member: Member, images: torch.Tensor) -> np.ndarray:
    """What goes into the last layer, by running all others."""
    model = load_network(member.weights).model
    with torch.no_grad():
        x = model.stem(normalize(images, member.mean, member.std))
        return model.pool(model.close(model.layers(x))).flatten(1).numpy().astype(float)


def test_features_are_what_the_last_layer_sees(trained) -> None:
    member, data = trained
    network, images = load_network(member.weights), data.val.images[:20]
    logits, features = ask(network, normalize(images, member.mean, member.std))
    np.testing.assert_allclose(features.numpy(), features_of(member, images), atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(logits.numpy(), network.model.linear(features).numpy(), atol=1e-5)


def test_distances_are_numpys_to_the_nearest_in_units_of_validation(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    member, data = trained
    monkeypatch.setattr(unusual, "MOST", 100)
    find_reference.cache_clear()
    reference = find_reference(member.weights)
    assert reference is not None
    train, val = (
        features_of(member, part.images[torch.linspace(0, len(part) - 1, 100).round().long()])
        for part in (data.train, data.val)
    )
    wanted = np.array([np.sqrt(((train - each) ** 2).sum(1)).min() for each in val])
    np.testing.assert_allclose(reference.validation, wanted / wanted.mean(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(reference.measure(torch.tensor(val).float()), reference.validation, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(measure_validation([member.weights] * 2), reference.validation)
    find_reference.cache_clear()


def test_noise_is_far_from_digits_and_validation_images_are_not(trained, tmp_path) -> None:
    member, data = trained
    limit = np.quantile(measure_validation([member.weights]), 0.95)
    shares = {}
    noise = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), np.uint8)
    for name, pixels in (("noise", noise), ("test", data.test.images[:100].permute(0, 2, 3, 1).numpy())):
        np.save(tmp_path / "x.npy", pixels)
        found = predict_own([member], Brought(str(tmp_path / "x.npy")), 0, 100, False)
        shares[name] = float((found.distances > limit).mean())
    assert shares["noise"] > 0.5
    assert shares["test"] < 0.15


def test_without_the_runs_images_there_are_no_distances(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    member, data = trained
    monkeypatch.setattr(unusual, "load_kept", lambda _: replace(data, fingerprint="other"))
    find_reference.cache_clear()
    assert measure_validation([member.weights]) is None
    find_reference.cache_clear()
