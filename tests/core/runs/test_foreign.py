"""What another tool logged, as our fields and rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.runs.foreign import MAX_ROWS, make_rows, match_keys, name_tool, read_known, read_number
from core.runs.records import Scalar
from core.runs.series import Series


def series(steps: list[int], values: list[float], begun: float = 100.0) -> Series:
    return Series(np.array(steps), np.array(values, float), begun + np.arange(len(steps), dtype=float))


def test_keys_are_known_by_their_usual_names_the_least_nested_first() -> None:
    keys: dict[str, Scalar] = {"model.opt": "x", "optim.lr": 0.1, "LR": 0.2, "Batch Size": 8, "lr_decay": 3, "wd": None}
    matched = match_keys(keys)
    assert matched == {"train.learning_rate": "LR", "train.batch_size": "Batch Size", "train.optimizer": "model.opt"}


@pytest.mark.parametrize(
    ("key", "value", "known"),
    [
        ("lr", "1e-3", {"train.learning_rate": ("lr", 0.001)}),
        ("epochs", 3.0, {"train.epochs": ("epochs", 3)}),
        ("epochs", 3.5, {}),
        ("optimizer", "torch.optim.SGD", {"train.optimizer": ("optimizer", "sgd")}),
        ("optimizer", "LAMB", {}),
        ("dataset", "CIFAR-10", {"data.dataset": ("dataset", "cifar10")}),
        ("seed", True, {}),
    ],
)
def test_a_value_is_known_if_ours_could_be_it(key: str, value: Scalar, known: dict[str, tuple[str, Scalar]]) -> None:
    assert read_known({key: value}) == known


def test_rows_are_of_validations_with_the_later_point_of_a_step_that_comes_twice() -> None:
    logged = {"loss": series([1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0]), "acc": series([2, 4, 4], [50.0, 60.0, 70.0])}
    mapping = {
        "train/loss": {"series": "loss", "percent": False},
        "val/accuracy": {"series": "acc", "percent": True},
    }
    rows = make_rows(logged, mapping, 100.0)  # type: ignore[arg-type]
    assert [(row["epoch"], row["step"], row["val/accuracy"], row["train/loss"]) for row in rows] == [
        (1, 2, 0.5, 3.0),
        (2, 4, 0.7, 1.0),
    ]


def test_too_many_rows_are_thinned_and_the_best_of_validation_is_kept() -> None:
    values = np.zeros(3 * MAX_ROWS)
    values[1234] = 0.9
    logged = {"acc": series(list(range(1, len(values) + 1)), values.tolist())}
    rows = make_rows(logged, {"val/accuracy": {"series": "acc", "percent": False}})
    assert len(rows) <= MAX_ROWS + 2
    assert max(row["val/accuracy"] for row in rows) == 0.9
    assert (rows[0]["step"], rows[-1]["step"]) == (1, len(values))


def test_numbers_are_read_from_text_and_nothing_else_is_one() -> None:
    read = [read_number(value) for value in ("64", 0.5, True, None, "many", "nan", math.inf)]
    assert read == [64.0, 0.5, None, None, None, None, None]
    assert (name_tool("wandb"), name_tool("a tool")) == ("Weights & Biases", "a tool")
