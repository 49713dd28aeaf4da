"""How a run's weights do on another data set that has the same classes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from core.data.folder import inspect_folder
from core.data.sets import list_sets
from core.examine.predicting import PIECE_IMAGES, PieceByPiece
from core.examine.predictions import Predicted, check_predicted
from core.examine.weights import ExamineError
from core.helper.process import call
from core.helper.questions import Member, Piece
from core.runs.folder import Run
from core.spec import DataSpec


class SetPrediction(PieceByPiece[Piece]):
    """Answers to a set's own test images or, where it has none, to all of its images."""

    def __init__(self, run: Run, member: Member, data: DataSpec, classes: list[str]) -> None:
        require_other(run, data)
        self._num_classes = len(classes)
        data_json = json.dumps({"data": data.model_dump(mode="json")})
        super().__init__(
            lambda start: call(
                "core.engine.robustness:predict_set",
                member=member,
                data_json=data_json,
                classes=tuple(classes),
                start=start,
                count=PIECE_IMAGES,
            )
        )

    def result(self) -> Predicted:
        """Raises QuestionError and ExamineError; waits for the end."""
        self.wait()
        logits = np.concatenate([piece.logits for piece in self.pieces])
        return check_predicted(logits, np.concatenate([p.labels for p in self.pieces]), self._num_classes)


def require_other(run: Run, data: DataSpec) -> None:
    """Raises ExamineError for the set that the run was trained on."""
    own = run.spec.data
    if own.dataset == data.dataset and (not own.has_path or _resolve(own.folder) == _resolve(data.folder)):
        raise ExamineError(
            "This is the set that the run was trained on: its own figures are those of validation and test."
        )


def _resolve(folder: str) -> str:
    return os.path.realpath(Path(folder.strip()).expanduser())


def find_set(name: str) -> DataSpec:
    """A set by its name in the lab, or the image folder at a path. Raises ExamineError and DataError."""
    sets = list_sets()
    named = {str(each.spec.dataset): each.spec for each in sets if not each.spec.has_path}
    known = named | {each.title.casefold(): each.spec for each in sets}
    if found := known.get(name.casefold()):
        return found
    if not Path(name).expanduser().is_dir():
        titles = ", ".join(each.title for each in sets)
        raise ExamineError(f"There is neither a set nor a folder {name!r}. The lab knows {titles}.")
    folder = str(Path(name).expanduser().absolute())
    return DataSpec(dataset="folder", folder=folder, folder_classes=len(inspect_folder(folder).classes))
