"""Predictions of many images by the helper process, piece by piece: other questions come through in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from core.data.own_images import Brought
from core.helper.process import call
from core.helper.questions import Member, OwnPiece, Part, Piece, QuestionError, WeightsFile
from core.system.errors import LabError

# A second or so of a small network on one core.
PIECE_IMAGES = 512


class _Piece(Protocol):
    @property
    def total(self) -> int: ...

    def __len__(self) -> int: ...


P = TypeVar("P", bound=_Piece)


class PieceByPiece(Generic[P]):
    """An answer that comes in pieces, under way or done; creating it does not wait.

    `ask` is called with the number of images that are done. `done` and `total` count images, `total` is 0 until the
    first piece is there; `error` is a sentence, or empty.
    """

    def __init__(self, ask: Callable[[int], Future[Any]]) -> None:
        self.done = self.total = 0
        self.error = ""
        self.pieces: list[P] = []
        self._question = ask
        self._over = threading.Event()
        self._is_wanted = True
        self._ask()

    def give_up(self) -> None:
        """Nobody waits for it any more: no further piece is asked for."""
        self._is_wanted = False

    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until all is predicted, at most for `seconds`; whether it is. Raises QuestionError if that failed."""
        over = self._over.wait(seconds)
        if self.error:
            raise QuestionError(self.error)
        return over

    def _ask(self) -> None:
        self._question(self.done).add_done_callback(self._take)

    def _take(self, future: Future[Any]) -> None:
        try:
            piece: P = future.result()
        except LabError as error:
            self._end(str(error))
            return
        except Exception as error:  # noqa: BLE001 - it would be lost in a callback, and the page would wait forever
            self._end(f"The predictions could not be made: {type(error).__name__}.")
            return
        self.pieces.append(piece)
        self.total = piece.total
        self.done += len(piece)
        if self.done >= self.total or not len(piece):
            self._end("")
        elif not self._is_wanted:
            self._end("The question was withdrawn.")
        else:
            self._ask()

    def _end(self, error: str) -> None:
        self.error = error
        self._over.set()


class Prediction(PieceByPiece[Piece]):
    """Logits of one set of weights on one part of its data set."""

    def __init__(self, weights: WeightsFile, part: Part) -> None:
        super().__init__(
            lambda start: call(
                "core.engine.examine:predict", weights=weights, part=part, start=start, count=PIECE_IMAGES
            )
        )

    def result(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Logits (images, classes) and labels (images,). Raises QuestionError; all must have been done."""
        self.wait()
        return np.concatenate([p.logits for p in self.pieces]), np.concatenate([p.labels for p in self.pieces])


class OwnPrediction(PieceByPiece[OwnPiece]):
    """What networks say of images that somebody brings; several answer by their mean probability."""

    def __init__(self, members: Sequence[Member], brought: Brought, *, all_cores: bool = False) -> None:
        super().__init__(
            lambda start: call(
                "core.engine.answers:predict_own",
                members=tuple(members),
                brought=brought,
                start=start,
                count=max(1, PIECE_IMAGES // len(members)),
                all_cores=all_cores,
            )
        )

    def result(self) -> OwnPiece:
        """All pieces as one. Raises QuestionError."""
        self.wait()
        return OwnPiece(
            np.concatenate([piece.probabilities for piece in self.pieces]),
            np.concatenate([piece.energies for piece in self.pieces]),
            {index: fault for piece in self.pieces for index, fault in piece.faults.items()},
            self.total,
            np.concatenate([piece.distances for piece in self.pieces]),
        )


def ask_validation(members: Sequence[Member]) -> Future[npt.NDArray[np.float64] | None]:
    """How far validation images are from the training's, mean over networks; None where these are not at hand."""
    return call("core.engine.unusual:measure_validation", weights=tuple(member.weights for member in members))
