"""Numbers of any library are floats; what is none has a name."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from core.log.values import flatten, to_configuration, to_number


def test_numbers_of_every_library_are_floats() -> None:
    values = [
        True,
        3,
        np.float32(0.1),
        np.int8(-4),
        np.array([[2.5]]),
        torch.tensor(1.5),
        torch.tensor([7]),
        np.bool_(1),
    ]
    assert [to_number(value) for value in values] == [1.0, 3.0, float(np.float32(0.1)), -4.0, 2.5, 1.5, 7.0, 1.0]
    assert [to_number(value) for value in ("1", None, [1], np.zeros(2), torch.zeros(2), 1j, 10**400)] == [None] * 7


def test_nested_dicts_become_dotted_names() -> None:
    assert dict(flatten({"a": {"b": {"c": 1}, 2: 3}, "d": 4})) == {"a.b.c": 1, "a.2": 3, "d": 4}


def test_a_dict_that_holds_itself_ends_somewhere() -> None:
    endless: dict[str, Any] = {"lr": 0.1}
    endless["again"] = endless
    assert len(list(flatten(endless))) == 22
    assert to_configuration(endless)["again.again.lr"] == 0.1


def test_a_configuration_may_be_a_dataclass_or_what_argparse_gives() -> None:
    @dataclass
    class Settings:
        lr: float = 0.1
        sizes: tuple[int, ...] = (1, 2)

    assert to_configuration(Settings()) == {"lr": 0.1, "sizes": "(1, 2)"}
    found = to_configuration(argparse.Namespace(width=np.int64(3), rate=np.float64(0.5), path=None))
    assert found == {"width": 3, "rate": 0.5, "path": None}
    assert isinstance(found["width"], int)
