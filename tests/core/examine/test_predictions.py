"""What is shown of one model is what its run stored, and nothing is looked at that should not be."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from core.examine import predictions
from core.examine.predictions import Predicted, find_mistakes, measure_reliability, work_out
from core.examine.weights import ExamineError, Weights
from core.runs.records import CheckpointFile
from core.stats.calibration import fit_temperature
from tests.core.examine.made_weights import weights_of
from tests.examined import CLASSES, TEST, VAL, make_examined, make_logits, save_array


def test_figures_are_those_of_scikit_learn() -> None:
    run = make_examined()
    predicted = predictions.read_stored(run, weights_of(run), "val")
    figures = work_out(predicted)
    labels, classes = predicted.labels, predicted.predicted
    assert figures.accuracy.value == metrics.accuracy_score(labels, classes)
    assert figures.loss == pytest.approx(metrics.log_loss(labels, predicted.probabilities))
    np.testing.assert_array_equal(figures.matrix, metrics.confusion_matrix(labels, classes))
    np.testing.assert_allclose(
        figures.classes.f1, metrics.f1_score(labels, classes, average=None, zero_division=np.nan)
    )
    assert figures.top[5] == metrics.top_k_accuracy_score(labels, predicted.probabilities, k=5)


def test_mistakes_come_most_confident_first_and_none_is_missing() -> None:
    predicted = Predicted(*make_logits(200, 3))
    indices = find_mistakes(predicted)
    assert set(indices) == set(np.flatnonzero(predicted.predicted != predicted.labels))
    assert (np.diff(predicted.confidence[indices]) <= 0).all()


def test_test_images_are_looked_at_only_as_they_were_at_the_end() -> None:
    stopped, finished = make_examined("stopped"), make_examined()
    best = weights_of(finished)
    assert predictions.read_stored(finished, best, "test").labels.shape == (TEST,)
    with pytest.raises(ExamineError, match="looked at once"):
        predictions.read_stored(stopped, best, "test")
    other = Weights("epoch-00003", "Checkpoint", 3, None, "last")
    with pytest.raises(ExamineError, match="only the best and the last"):
        predictions.read_stored(finished, other, "test")


def test_validation_predictions_that_were_not_stored_are_none_and_can_be_made() -> None:
    run = make_examined()
    assert predictions.read_stored(run, weights_of(run, "last"), "val") is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not an array", "damaged"),
        (np.zeros((VAL, 3)), "3 classes, but the run has 10"),
        (np.full((VAL, CLASSES), np.nan), "not finite"),
        (np.zeros((VAL - 1, CLASSES)), "60 labels for the logits of 59 images"),
        (np.zeros(VAL), "must be"),
    ],
)
def test_damaged_predictions_end_as_a_sentence(content, says: str) -> None:
    run = make_examined()
    if isinstance(content, bytes):
        (run.path / "predictions" / "val_best.npy").write_bytes(content)
    else:
        save_array(run, "val_best", content)
    with pytest.raises(ExamineError, match=says):
        predictions.read_stored(run, weights_of(run), "val")


def test_classes_without_names_are_shown_by_number() -> None:
    run = make_examined()
    assert predictions.name_classes(run)[3] == "kind 3"
    (run.path / "environment.json").write_text("{}")
    assert predictions.name_classes(run)[3] == "3"


def test_temperature_scaling_changes_no_answer_and_lowers_the_loss() -> None:
    predicted = Predicted(*make_logits(500, 4))
    temperature = fit_temperature(predicted.logits, predicted.labels)
    before, after = measure_reliability(predicted), measure_reliability(predicted, temperature)
    assert after.nll <= before.nll
    assert after.bins.counts @ np.nan_to_num(after.bins.accuracy) == pytest.approx(predicted.correct.sum())


def test_what_is_predicted_again_otherwise_than_in_training_says_so() -> None:
    run = make_examined()
    epoch = run.rows()[-1]["epoch"]
    measured = run.rows()[-1]["val/accuracy"]
    file = CheckpointFile("epoch.safetensors", run.path, epoch, 1, "0" * 64, "last")
    weights = Weights("last", "Last", epoch, file, "last")
    assert predictions.explain_difference(run, weights, measured) == ""
    assert f"{100 * measured:.2f} %" in predictions.explain_difference(run, weights, measured + 0.01)
    within_an_epoch = replace(weights, file=replace(file, name="epoch-00005-stopped.safetensors"))
    assert predictions.explain_difference(run, within_an_epoch, measured + 0.01) == ""
