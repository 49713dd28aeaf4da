"""How a run's weights answer spoiled images: measured by the helper process piece by piece, once, and kept."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from core.data.corruptions import CORRUPTIONS, STRENGTHS, VERSION, list_variations
from core.examine.predicting import PieceByPiece
from core.examine.predictions import check_split
from core.examine.weights import ExamineError, Weights, name_file
from core.helper.process import call
from core.helper.questions import SpoiltPiece, WeightsFile
from core.runs.folder import Run
from core.runs.robustness import Robustness, keep_measured, read_measured
from core.system.errors import LabError

IMAGES, SEED = 1000, 0
PIECE_IMAGES = 250
TITLES = {kind: corruption.title for kind, corruption in CORRUPTIONS.items()}
METHOD = (
    f"Accuracy on validation images, as they are and spoiled in {len(CORRUPTIONS)} ways at five strengths each, after "
    "Hendrycks & Dietterich 2019 (arXiv:1903.12261). The corruptions are made here: the figures compare between runs "
    "of this lab, not with published ones. The same images are spoiled in the same way for every run."
)


class Measurement(PieceByPiece[SpoiltPiece]):
    """Of one set of weights, under way or done; `done` and `total` count answers. Raises ExamineError.

    What it comes to is kept in the run's folder at its end.
    """

    def __init__(self, run: Run, weights: Weights, images: int = IMAGES, seed: int = SEED) -> None:
        check_split(run, weights, "val")
        self.file = name_file(run, weights)
        self.seed, self._run = seed, run
        self._result: Robustness | None = None
        super().__init__(
            lambda done: call(
                "core.engine.robustness:score_spoilt",
                weights=self.file,
                done=done,
                count=PIECE_IMAGES,
                images=images,
                seed=seed,
            )
        )

    def _end(self, error: str) -> None:
        if not error:
            try:
                self._result = sum_up(self.file, self.seed, self.pieces)
                keep_measured(self._run.path, self._result)
            except LabError as trouble:
                error = str(trouble)
            except OSError as trouble:
                error = f"The figures could not be kept: {trouble.strerror}."
        super()._end(error)

    def result(self) -> Robustness:
        """Raises QuestionError; waits for the end."""
        self.wait()
        assert self._result is not None
        return self._result


def sum_up(file: WeightsFile, seed: int, pieces: Sequence[SpoiltPiece]) -> Robustness:
    """The counts of all pieces, in the order in which they were asked for."""
    right = np.concatenate([piece.right for piece in pieces])
    counts = right.reshape(-1, pieces[0].images).sum(1).tolist()  # a way to spoil images each
    by_kind: dict[str, list[int]] = {}
    for (kind, _), count in zip(list_variations(), counts, strict=True):
        if kind:
            by_kind.setdefault(kind, []).append(count)
    return Robustness(file.sha256, file.which, VERSION, seed, pieces[0].images, counts[0], by_kind)


def find_measured(run: Run, weights: Weights) -> Robustness | None:
    """What was measured of these very weights with the corruptions as they are now; None if nothing was."""
    if weights.file is None:
        return None
    return next(
        (
            each
            for each in read_measured(run.path)
            if (each.sha256, each.which, each.version) == (weights.file.sha256, weights.which, VERSION)
            and set(each.right) == set(CORRUPTIONS)
            and all(len(counts) == len(STRENGTHS) for counts in each.right.values())
        ),
        None,
    )


_under_way: dict[tuple[str, str, str], Measurement] = {}
_lock = threading.Lock()


def measure(run: Run, weights: Weights) -> Measurement:
    """The measurement of these weights, begun only once however often it is asked for. Raises ExamineError."""
    file = name_file(run, weights)
    key = run.id, file.sha256, file.which
    with _lock:
        known = _under_way.get(key)
        if known is None or known.is_over():
            known = _under_way[key] = Measurement(run, weights)
        for other in [each for each, held in _under_way.items() if each != key and held.is_over()]:
            del _under_way[other]
        return known


def find_under_way(run: Run, weights: Weights) -> Measurement | None:
    """The measurement that was begun of these weights, also one that failed; None if there is none."""
    if weights.file is None:
        return None
    return _under_way.get((run.id, weights.file.sha256, weights.which))


def require_alike(measured: Sequence[Robustness]) -> None:
    """Raises ExamineError where figures are of different numbers of images, or of other noise."""
    if len({(each.images, each.seed) for each in measured}) > 1:
        counts = sorted({each.images for each in measured})
        raise ExamineError(f"They were measured on different images ({', '.join(f'{count:,}' for count in counts)}).")
