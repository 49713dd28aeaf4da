"""Predictions of a whole part by the helper process, piece by piece: other questions come through in between."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

from core.helper.process import call
from core.helper.questions import Part, Piece, QuestionError, WeightsFile
from core.system.errors import LabError

# A second or so of a small network on one core.
PIECE_IMAGES = 512


class Prediction:
    """Logits of one set of weights on one part, under way or done; creating it does not wait.

    `done` and `total` count images, `total` is 0 until the first piece is there; `error` is a sentence, or empty.
    """

    def __init__(self, weights: WeightsFile, part: Part) -> None:
        self.weights, self.part = weights, part
        self.done = self.total = 0
        self.error = ""
        self._pieces: list[Piece] = []
        self._over = threading.Event()
        self._ask()

    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self) -> None:
        """Waits until all is predicted. Raises QuestionError if that failed."""
        self._over.wait()
        if self.error:
            raise QuestionError(self.error)

    def result(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Logits (images, classes) and labels (images,). Raises QuestionError; all must have been done."""
        self.wait()
        return np.concatenate([p.logits for p in self._pieces]), np.concatenate([p.labels for p in self._pieces])

    def _ask(self) -> None:
        future = call(
            "core.engine.examine:predict", weights=self.weights, part=self.part, start=self.done, count=PIECE_IMAGES
        )
        future.add_done_callback(self._take)

    def _take(self, future: Future[Any]) -> None:
        try:
            piece: Piece = future.result()
        except LabError as error:
            self._end(str(error))
            return
        except Exception as error:  # noqa: BLE001 - it would be lost in a callback, and the page would wait forever
            self._end(f"The predictions could not be made: {type(error).__name__}.")
            return
        self._pieces.append(piece)
        self.total = piece.total
        self.done += len(piece.labels)
        if self.done >= self.total or not len(piece.labels):
            self._end("")
        else:
            self._ask()

    def _end(self, error: str) -> None:
        self.error = error
        self._over.set()
