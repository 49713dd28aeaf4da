"""The helper process without torch, for pages that ask it."""

import io
from concurrent.futures import Future
from typing import Any

import numpy as np
from PIL import Image

from core.helper.questions import Answer, Piece
from tests.examined import CLASSES, VAL, make_logits
from tests.pages.conftest import component_data

ASKED: list[dict[str, Any]] = []


def answer(target: str, **question: Any) -> Future:
    """The helper process without torch: grey images, and a network that is sure of class 4."""
    future: Future = Future()
    ASKED.append({"target": target, **question})
    match target.partition(":")[2]:
        case "image_strip":
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), (90, 90, 90)).save(buffer, "PNG")
            future.set_result([buffer.getvalue()] * len(question["places"]))
        case "ask":
            chances = np.full(CLASSES, 0.02)
            chances[4] = 0.82
            heat = np.zeros((8, 8), np.float32)
            future.set_result(Answer(np.zeros((8, 8, 3), np.uint8), chances, heat, question["for_class"] or 4, 7))
        case "predict":
            logits, given = make_logits(VAL, 0)
            some = slice(question["start"], question["start"] + question["count"])
            future.set_result(Piece(logits[some], given[some], VAL))
        case _:
            future.set_result(3)
    return future


def asked(name: str) -> list[dict[str, Any]]:
    return [question for question in ASKED if question["target"].endswith(f":{name}")]


def matrix_of(page) -> dict[str, Any]:
    (matrix,) = component_data(page, "resnet_lab_matrix")
    return matrix
