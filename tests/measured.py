"""Answers of a helper process without torch to spoiled images and to other sets, and what they come to."""

from concurrent.futures import Future
from typing import Any

import numpy as np

from core.data.corruptions import list_variations
from core.helper.questions import Piece, SpoiltPiece
from core.runs.folder import Run
from core.system import files
from tests.examined import CLASSES, make_examined
from tests.pages.sample_runs import add_checkpoint

IMAGES = 20


def make_measurable(**options: Any) -> Run:
    """A run with predictions and a checkpoint of its own."""
    run = make_examined(**options)
    add_checkpoint(run, run.id.encode())
    scale = {"mean": [0.5] * 3, "std": [0.2] * 3}
    files.write_json(run.path / "environment.json", {**run.environment(), **scale})
    return run


def spoilt(question: dict[str, Any]) -> SpoiltPiece:
    """The stronger an image is spoiled, the fewer of `IMAGES` are right: all but two a step."""
    variations = list(list_variations())
    variation, start = divmod(question["done"], IMAGES)
    right = np.arange(IMAGES) < IMAGES - 2 * variations[variation][1]
    return SpoiltPiece(right[start : start + question["count"]], IMAGES, IMAGES * len(variations))


def of_set(question: dict[str, Any], images: int = 30) -> Piece:
    """Two of three images of a set are right."""
    labels = np.arange(images) % CLASSES
    logits = np.zeros((images, CLASSES), np.float32)
    logits[np.arange(images), np.where(np.arange(images) % 3 == 0, (labels + 1) % CLASSES, labels)] = 5
    some = slice(question["start"], question["start"] + question["count"])
    return Piece(logits[some], labels[some], images)


def answer(target: str, **question: Any) -> Future[Any]:
    """As `core.helper.process.call`."""
    future: Future[Any] = Future()
    match target.partition(":")[2]:
        case "score_spoilt":
            future.set_result(spoilt(question))
        case "predict_set":
            future.set_result(of_set(question))
        case _:
            future.set_result(3)
    return future
