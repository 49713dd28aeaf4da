"""What is shown of one model is what its run stored, and nothing is looked at that should not be."""

import io
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sklearn import metrics
from typer.testing import CliRunner

from core.cli.app import app
from core.data.uploads import MAX_BYTES, check_upload, decode_upload, name_upload
from core.examine import predictions
from core.examine.charts import draw_changes, draw_heat, draw_picture, draw_reliability
from core.examine.history import History, read_history
from core.examine.predictions import Predicted, find_mistakes, measure_reliability, work_out
from core.examine.weights import ExamineError, Weights, find_weights, list_weights, name_file, require_sound
from core.helper.questions import QuestionError
from core.runs.records import CheckpointFile
from core.stats.calibration import fit_temperature
from tests.examined import CLASSES, EPOCHS, TEST, VAL, make_examined, make_logits, save_array


@pytest.fixture(autouse=True)
def own_folders(lab_folders: Path) -> Path:
    return lab_folders


def weights_of(run, key="best"):
    return find_weights(run, key)


def checkpoint(name: str, epoch: int, kind: str) -> CheckpointFile:
    return CheckpointFile(f"{name}.pt", Path(f"{name}.pt"), epoch, 1, "0" * 64, kind)  # type: ignore[arg-type]


# Weights


def test_best_and_last_come_first_and_other_checkpoints_by_their_name(monkeypatch) -> None:
    run = make_examined()
    files = [checkpoint("epoch-00002", 2, "best"), checkpoint("epoch-00003", 3, "last"), checkpoint("x", 4, "last")]
    monkeypatch.setattr(type(run), "checkpoints", lambda self: files)
    found = {weights.key: (weights.epoch, weights.which) for weights in list_weights(run)}
    assert found == {"best": (2, "best"), "last": (4, "last"), "epoch-00003": (3, "last")}


def test_a_run_without_an_epoch_says_so() -> None:
    run = make_examined("stopped")
    with pytest.raises(ExamineError, match="no epoch of it has ended"):
        find_weights(run, "best")


def test_weights_whose_checkpoint_is_gone_can_be_looked_at_but_not_asked() -> None:
    run = make_examined()
    assert predictions.read_stored(run, weights_of(run), "val") is not None
    with pytest.raises(ExamineError, match="checkpoint of these weights is gone"):
        name_file(run, weights_of(run))


# Predictions


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
        (np.zeros((VAL, 3)), "3 classes where the run has 10"),
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


# History


@given(
    predicted=arrays.arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(1, 12)), elements=st.integers(0, 3)),
    seed=st.integers(0, 99),
)
def test_what_was_learnt_less_what_was_forgotten_is_what_is_right(predicted, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, predicted.shape[1])
    history = History(predicted, labels, 4)
    learnt, lost = history.changes()
    np.testing.assert_array_equal(np.cumsum(learnt - lost), history.right.sum(1))
    assert lost.sum() == history.forgotten.sum()
    assert not set(history.never) & set(np.flatnonzero(history.learnt_at))
    for epoch in range(1, history.num_epochs + 1):
        assert len(history.changed_at(epoch, learnt=True)) == learnt[epoch - 1]
        assert len(history.changed_at(epoch, learnt=False)) == lost[epoch - 1]
        assert history.matrix(epoch).trace() == history.right[epoch - 1].sum()


def test_history_is_read_back_as_it_was_stored() -> None:
    history = read_history(make_examined("stopped"))
    assert history.predicted.shape == (EPOCHS, VAL)
    np.testing.assert_array_equal(history.predicted[2], make_logits(VAL, 2, skill=2)[0].argmax(1))


def test_a_history_that_does_not_fit_or_is_not_there_ends_as_a_sentence() -> None:
    run = make_examined()
    path = run.path / "predictions" / "val_classes.bin"
    path.write_bytes(b"\xff" * len(path.read_bytes()))
    with pytest.raises(ExamineError, match="damaged"):
        read_history(run)
    path.unlink()
    with pytest.raises(ExamineError, match="no predictions of its epochs"):
        read_history(run)


# Drawings


def test_reliability_draws_only_bins_that_hold_images() -> None:
    predicted = Predicted(*make_logits(100, 5))
    measured = measure_reliability(predicted)
    trace = draw_reliability("run", measured, None, 1.0).data[1]
    assert sum(trace.customdata) == 100
    assert not np.isnan(np.array(trace.y, float)).any()


def test_learnt_points_up_and_forgotten_down() -> None:
    history = read_history(make_examined())
    learnt, lost = draw_changes("run", history, 2).data
    assert (np.array(learnt.y) >= 0).all()
    assert (np.array(lost.y) <= 0).all()


def test_a_picture_without_heat_is_the_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    cold, warm = np.zeros((8, 8), np.float32), np.eye(8, dtype=np.float32)
    assert draw_heat(pixels, cold) == draw_picture(pixels)
    assert draw_heat(pixels, warm) != draw_picture(pixels)
    shown = np.asarray(Image.open(io.BytesIO(draw_picture(pixels, 320))))
    np.testing.assert_array_equal(shown[::40, ::40], pixels)


# Uploads


def as_file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_an_image_of_any_kind_becomes_a_square(kind: str) -> None:
    pixels = decode_upload(as_file(Image.new("RGB", (90, 40), (200, 30, 30)), kind), 32)
    assert pixels.shape == (32, 32, 3)
    np.testing.assert_allclose(pixels[16, 16], (200, 30, 30), atol=6)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"hello, I am no image", "no image"),
        (b"\0" * (MAX_BYTES + 1), "at most 10 MB"),
        (as_file(Image.effect_noise((64, 64), 50))[:900], "damaged"),
        (as_file(Image.new("1", (9000, 9000))), "9,000 x 9,000 pixels; at most 50 million"),
        (as_file(Image.new("1", (20_000, 10_000))), "far too many pixels"),
    ],
)
def test_what_is_no_usable_image_is_refused_in_words(content: bytes, says: str) -> None:
    with pytest.raises(QuestionError, match=says):
        decode_upload(content, 32)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_whatever_escape_as_another_error(noise: bytes, at: int) -> None:
    whole = as_file(Image.new("RGB", (9, 9), (1, 2, 3)))
    with suppress(QuestionError):
        assert decode_upload(whole[:at] + noise + whole[at + len(noise) :], 8).shape == (8, 8, 3)


def test_a_files_name_is_short_and_without_folders() -> None:
    assert name_upload("../../etc/passwd") == "passwd"
    assert name_upload(r"C:\pictures\cat.png") == "cat.png"
    assert len(name_upload("x" * 500)) == 60
    check_upload(b"x")


# Command


def test_evaluate_shows_stored_figures_where_the_checkpoint_is_gone() -> None:
    run = make_examined()
    result = CliRunner().invoke(app, ["evaluate", run.id, "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["validation"]["source"] == "stored"
    assert found["validation"]["images"] == VAL
    assert found["test"]["accuracy"] == float((make_logits(TEST, 2)[0].argmax(1) == make_logits(TEST, 2)[1]).mean())
    assert "checkpoint of these weights is gone" in result.stderr
    shown = CliRunner().invoke(app, ["evaluate", run.id])
    assert "kind 3" in shown.stdout


def test_evaluate_of_a_run_without_weights_is_a_sentence() -> None:
    result = CliRunner().invoke(app, ["evaluate", make_examined("stopped").id])
    assert result.exit_code == 2
    assert "no epoch of it has ended" in result.stderr


def test_a_spec_that_cannot_be_read_is_a_sentence() -> None:
    run = make_examined()
    (run.path / "spec.json").write_text("{")
    fresh = type(run)(run.path)
    with pytest.raises(ExamineError, match=r"spec\.json"):
        require_sound(fresh)
