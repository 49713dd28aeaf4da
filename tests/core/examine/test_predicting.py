"""A part is predicted piece by piece, to its end or to a sentence."""

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from core.examine.predicting import PIECE_IMAGES, Prediction
from core.helper.questions import Piece, QuestionError, WeightsFile

WEIGHTS = WeightsFile("{}", "last.safetensors", "0" * 64, "last")


def answer_with(monkeypatch: pytest.MonkeyPatch, total: int, error: Exception | None = None) -> list[tuple[int, int]]:
    """The helper process with `total` images, which fails after its first piece; what it was asked for."""
    asked: list[tuple[int, int]] = []

    def call(target: str, *, weights: WeightsFile, part: str, start: int, count: int) -> Future[Any]:
        future: Future[Any] = Future()
        if error and asked:
            future.set_exception(error)
        else:
            labels = np.arange(start, min(start + count, total))
            future.set_result(Piece(np.repeat(labels[:, None], 3, 1).astype(np.float16), labels, total))
        asked.append((start, count))
        return future

    monkeypatch.setattr("core.examine.predicting.call", call)
    return asked


@pytest.mark.parametrize("total", [0, 1, PIECE_IMAGES, PIECE_IMAGES + 1, 3 * PIECE_IMAGES - 5])
def test_every_image_is_predicted_once_and_in_order(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    asked = answer_with(monkeypatch, total)
    prediction = Prediction(WEIGHTS, "val")
    logits, labels = prediction.result()
    assert prediction.is_over()
    assert (prediction.done, prediction.total) == (total, total)
    assert labels.tolist() == list(range(total))
    assert logits.shape == (total, 3)
    assert [start for start, _ in asked] == list(range(0, max(total, 1), PIECE_IMAGES))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (QuestionError("The checkpoint last.safetensors is damaged."), "The checkpoint last.safetensors is damaged."),
        (ZeroDivisionError("by chance"), "The predictions could not be made: ZeroDivisionError."),
    ],
)
def test_a_failure_on_the_way_ends_as_a_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    answer_with(monkeypatch, 2 * PIECE_IMAGES, error)
    prediction = Prediction(WEIGHTS, "val")
    assert (prediction.is_over(), prediction.error, prediction.done) == (True, sentence, PIECE_IMAGES)
    with pytest.raises(QuestionError, match=sentence):
        prediction.result()


def test_a_question_that_nobody_waits_for_is_asked_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[Future[Any]] = []
    monkeypatch.setattr("core.examine.predicting.call", lambda *_, **__: waiting.append(Future()) or waiting[-1])
    prediction = Prediction(WEIGHTS, "val")
    prediction.give_up()
    waiting[0].set_result(Piece(np.zeros((5, 3), np.float32), np.zeros(5, int), 50))
    assert (prediction.is_over(), len(waiting)) == (True, 1)
