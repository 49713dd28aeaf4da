"""The comparison with what a tool's own reader gives notices a single bit."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from core.imports.read import read_path
from tools.exact_imports import Columns, compare

ROWS = [(0, 0.1), (1, math.nan), (1, -0.0), (5, math.inf)]


def expect(values: list[float], steps: tuple[int, ...] = (0, 1, 1, 5)) -> dict[str, Columns]:
    return {"loss": (np.array(steps, np.int64), np.array(values, float), np.full(len(values), math.nan))}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1, math.nan, -0.0, math.inf], ""),
        ([math.nextafter(0.1, 1), math.nan, -0.0, math.inf], r"1 values differ, the first is 0x1\.9+ap-4"),
        ([0.1, math.nan, 0.0, math.inf], "instead of 0x0.0p"),
        ([0.1, 0.0, -0.0, math.inf], "the first is nan"),
        ([0.1, math.nan, -0.0, -math.inf], "the first is inf instead of -inf"),
    ],
)
def test_one_bit_is_noticed(tmp_path: Path, values: list[float], said: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text("step,loss\n" + "".join(f"{step},{value!r}\n" for step, value in ROWS))
    found = read_path(path)

    if not said:
        assert compare(expect(values), found) == 4
        return
    with pytest.raises(AssertionError, match=said):
        compare(expect(values), found)
    with pytest.raises(AssertionError, match="1 steps differ, the first is 5 instead of 6"):
        compare(expect([each for _, each in ROWS], (0, 1, 1, 6)), found)
