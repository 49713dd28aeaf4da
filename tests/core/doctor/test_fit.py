"""Rules about the fit tell a network that memorises from one that does not even do that."""

import numpy as np

from core.doctor.fit import see_overfitting, see_underfitting
from tests.core.doctor.watched import recorded, spec_of, watch

OFF = {"train": {"epochs": 8, "weight_decay": 0}, "augment": {"crop_padding": 0, "flip": False}}
MEMORISES = {
    "train_loss": [2.0, 1.4, 0.9, 0.5, 0.3, 0.2, 0.1, 0.05],
    "val_loss": [2.0, 1.6, 1.4, 1.45, 1.6, 1.8, 2.0, 2.2],
    "train_accuracy": np.linspace(0.3, 1, 8),
    "val_accuracy": [0.3, 0.4, 0.5, 0.52, 0.52, 0.52, 0.52, 0.52],
}


def test_overfitting_tells_the_lowest_loss_and_what_is_switched_off() -> None:
    found = see_overfitting(watch(spec_of(**OFF), **MEMORISES))
    assert found is not None
    assert "lowest after epoch 3 (1.400)" in found.evidence
    paths = [path for fix in found.fixes for path in fix.values]
    assert "augment.crop_padding" in paths
    assert "augment.flip" not in paths  # digits have no mirror image
    assert "train.weight_decay" in paths


def test_what_is_on_already_is_not_offered() -> None:
    on = {"train": {"epochs": 8, "label_smoothing": 0.1}, "model": {"dropout": 0.3}}
    found = see_overfitting(watch(spec_of(**on), **MEMORISES))
    assert found is not None
    assert not {"train.weight_decay", "model.dropout"} & {path for fix in found.fixes for path in fix.values}


def test_a_gap_that_chance_explains_is_none() -> None:
    close = MEMORISES | {"val_accuracy": np.linspace(0.3, 1, 8) - 0.04}
    assert see_overfitting(watch(spec_of(**OFF), **close)) is None
    assert see_overfitting(watch(spec_of(**OFF), **MEMORISES | {"val_loss": np.linspace(2, 1, 8)})) is None


def test_a_restless_curve_that_came_down_again_does_not_overfit() -> None:
    restless = MEMORISES | {"val_loss": [*MEMORISES["val_loss"][:-1], 1.3]}
    assert see_overfitting(watch(spec_of(**OFF), **restless)) is None


def test_underfitting_offers_relief_first_where_something_holds_back() -> None:
    weak = np.linspace(0.3, 0.5, 8)
    columns = {"train_accuracy": weak, "val_accuracy": weak, "train_loss": 1.4 + 0.8 * np.linspace(1, 0, 8) ** 8}
    plain = see_underfitting(watch(spec_of(train={"epochs": 8}), **columns))
    held = see_underfitting(watch(spec_of(train={"epochs": 8}, model={"dropout": 0.9}), **columns))
    assert plain is not None
    assert held is not None
    assert plain.fixes[0].values["model.layers[0].channels"] == 64
    assert held.fixes[0].values == {"model.dropout": 0.0}
    assert see_underfitting(watch(spec_of(train={"epochs": 8}))) is None


def test_recorded_trainings_are_seen() -> None:
    assert all(see_overfitting(recording.observed) for recording in recorded("overfitting"))
    assert sum(see_underfitting(recording.observed) is not None for recording in recorded("underfitting")) >= 7
