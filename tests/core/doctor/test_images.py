"""Rules about images count them, and leave to chance what chance does."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from core.doctor.images import (
    find_suspects,
    images_to_tell,
    lack_history,
    see_few_validation_images,
    see_leaking_test,
    see_unbalanced,
    see_wrong_labels,
)
from core.doctor.observed import Observed
from tests.core.doctor.watched import recorded, spec_of, watch


def predicting(predicted: np.ndarray, labels: np.ndarray) -> Observed:
    epochs = len(predicted)
    right = (predicted == labels).mean(1)
    return replace(watch(val_accuracy=right), predicted=predicted, labels=labels, rows={
        "epoch": np.arange(1.0, epochs + 1), "val/accuracy": right,
    })  # fmt: skip


def test_images_never_learnt_and_always_the_same_other_class_are_suspects() -> None:
    labels = np.repeat(np.arange(10), 10)
    predicted = np.tile(labels, (8, 1))
    predicted[:, :4] = 7  # four of class 0 are always taken for a seven
    predicted[:, 20] = np.arange(8) % 2 + 4  # one is taken for something else each time
    predicted[3, 30] = 9  # one is learnt but for an epoch
    observed = predicting(predicted, labels)
    assert find_suspects(observed).tolist() == [0, 1, 2, 3]
    found = see_wrong_labels(observed)
    assert found is not None
    assert found.images
    assert "4 of 100 validation images" in found.evidence
    predicted[6, :3] = 0
    assert see_wrong_labels(predicting(predicted, labels)) is None
    assert "8 epochs" in lack_history(predicting(predicted[:3], labels))


def test_balance_is_of_the_classes_that_there_are() -> None:
    labels = np.repeat(np.arange(10), [50] * 9 + [5])
    found = see_unbalanced(predicting(np.tile(labels, (2, 1)), labels))
    assert found is not None
    assert "largest class has 50 validation images, the smallest 5" in found.evidence
    even = np.repeat(np.arange(10), 12)
    assert see_unbalanced(predicting(np.tile(even, (2, 1)), even)) is None


def test_few_validation_images_tell_how_many_it_takes() -> None:
    observed = replace(watch(val_accuracy=[0.5, 0.8, 0.9]), environment={"val_images": 40})
    found = see_few_validation_images(observed)
    assert found is not None
    assert "76.9 % to 96.0 %" in found.evidence  # statsmodels: proportion_confint(36, 40, method="wilson")
    assert see_few_validation_images(replace(observed, environment={"val_images": 1000})) is None
    assert see_few_validation_images(replace(observed, spec=spec_of(train={"epochs": 30}))) is None


def test_images_to_tell_a_difference_are_those_of_the_power_analysis() -> None:
    effect = 0.01 / np.sqrt(0.9 * 0.1)
    wanted = NormalIndPower().solve_power(effect, alpha=0.05, power=0.8)
    assert images_to_tell(0.9, 0.01) == pytest.approx(wanted, rel=0.01)


def test_test_images_known_better_than_validation_are_told() -> None:
    ended = replace(watch(state="finished"), results={"test/accuracy_best": 0.99, "best/val_accuracy": 0.7})
    found = see_leaking_test(ended)
    assert found is not None
    assert "99.0 % of 1,000 test images" in found.evidence
    assert see_leaking_test(replace(ended, results={"test/accuracy_best": 0.7, "best/val_accuracy": 0.69})) is None
    assert see_leaking_test(replace(ended, results={"test/accuracy_best": 0.6, "best/val_accuracy": 0.9})) is None


@pytest.mark.parametrize(
    ("illness", "look"),
    [
        ("wrong_labels", see_wrong_labels),
        ("unbalanced", see_unbalanced),
        ("few_validation_images", see_few_validation_images),
        ("leaking_test", see_leaking_test),
    ],
)
def test_recorded_trainings_are_seen(illness: str, look: object) -> None:
    assert all(look(recording.observed) for recording in recorded(illness))  # type: ignore[operator]
