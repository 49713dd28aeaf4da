"""Norms of layers are what numpy finds of the weights before and after an update, and leave the training as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.engine.norms import LayerNorms
from core.engine.train import find_last_full, split_batches
from tests.core.engine.toy import make_data, make_spec, run


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "learning_rate": 0.05, "clip_norm": 0.5},
        {"optimizer": "muon", "accumulation": 2, "ema_decay": 0.9, "lookahead_steps": 2},
    ],
)
def test_the_weights_are_the_same_with_and_without(settings: dict[str, Any]) -> None:
    (*_, plain), _ = run(make_spec(**settings), make_data())
    (*_, noted), _ = run(make_spec(**settings, layer_norms=True), make_data())
    for name, weight in plain.state["model"].items():
        assert np.array_equal(noted.state["model"][name].numpy(), weight.numpy()), name
    more = noted.metrics.keys() - plain.metrics.keys()
    assert more == {name for name in noted.metrics if name.startswith("norms/")}


def test_they_are_those_of_the_weights_before_and_after_the_update() -> None:
    # One update, by plain gradient descent: the weights move by the rate times the gradient.
    spec = make_spec(
        epochs=1, batch_size=70, optimizer="sgd", momentum=0.0, nesterov=False, weight_decay=0.0, learning_rate=0.5,
        schedule="constant", layer_norms=True,
    )  # fmt: skip
    seen: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    begin, end = LayerNorms.begin, LayerNorms.end

    def look(norms: LayerNorms) -> Any:
        before = begin(norms)
        seen.update(
            {
                name: (weight.detach().numpy().copy(), weight.grad.numpy().copy())  # type: ignore[union-attr]
                for name, weight in zip(norms.names, norms.weights, strict=True)
            }
        )
        return before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LayerNorms, "begin", look)
        patch.setattr(LayerNorms, "end", end)
        (only,), _ = run(spec, make_data())
    assert "linear" in seen
    assert len(seen) >= 6
    for name, (weight, gradient) in seen.items():
        wanted = {
            "weights": np.linalg.norm(weight),
            "gradients": np.linalg.norm(gradient),
            "updates": 0.5 * np.linalg.norm(gradient) / np.linalg.norm(weight),
        }
        found = {kind: only.metrics[f"norms/{name}/{kind}"] for kind in wanted}
        assert found == pytest.approx(wanted, rel=1e-4), name


@pytest.mark.parametrize(
    ("images", "accumulation", "measured"), [(64, 1, 3), (70, 1, 3), (10, 1, 0), (70, 2, 3), (50, 2, 1), (33, 3, 2)]
)
def test_the_update_that_is_measured_is_of_as_many_images_as_the_others(
    images: int, accumulation: int, measured: int
) -> None:
    batches = split_batches(images, 16)
    assert find_last_full(batches, accumulation) == measured
