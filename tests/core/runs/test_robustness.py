"""What was measured of a run's weights is kept beside it, and a file that was changed by hand counts as none."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.runs.robustness import MAX_KEPT, Robustness, keep_measured, read_measured
from core.system import files

SOME = Robustness("a" * 64, "best", 1, 0, 100, 90, {"noise": [80, 70, 60, 50, 40], "blur": [85, 80, 75, 70, 65]})


def test_means_are_over_strengths_and_kinds() -> None:
    assert SOME.accuracy == 0.9
    assert SOME.accuracies("noise") == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert SOME.mean("noise") == pytest.approx(0.6)
    assert SOME.mean() == pytest.approx((0.6 + 0.75) / 2)


def test_other_weights_are_kept_beside_and_the_same_replaced(tmp_path: Path) -> None:
    other, newer = replace(SOME, which="last"), replace(SOME, clean=95)
    for entry in (SOME, other, newer):
        keep_measured(tmp_path, entry)
    assert read_measured(tmp_path) == [other, newer]
    for number in range(MAX_KEPT + 3):
        keep_measured(tmp_path, replace(SOME, sha256=f"{number:064x}"))
    assert len(read_measured(tmp_path)) == MAX_KEPT


@pytest.mark.parametrize(
    "change",
    [
        {"images": 0},
        {"clean": 101},
        {"right": {}},
        {"right": {"noise": [101]}},
        {"right": {"noise": ["x"]}},
        {"right": {"noise": []}},
        {"sha256": "nothing"},
        {"which": "other"},
        {"seed": None},
    ],
)
def test_what_cannot_be_is_passed_over(tmp_path: Path, change: dict[str, Any]) -> None:
    keep_measured(tmp_path, SOME)
    found = files.read_json(tmp_path / "robustness.json")
    found["measured"][0] |= change
    files.write_json(tmp_path / "robustness.json", found)
    assert read_measured(tmp_path) == []


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"measured": "x"}), ""])
def test_a_damaged_file_is_nothing_and_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "robustness.json").write_text(text)
    assert read_measured(tmp_path) == []
    keep_measured(tmp_path, SOME)
    assert read_measured(tmp_path) == [SOME]
