"""What Build says of a preset's accuracy holds only for what was measured."""

import json
from pathlib import Path

import pytest

from core.launch import measured
from core.launch.measured import find_reached, tell_goal
from core.spec.presets import PRESETS
from tests.specs import change

FAST = PRESETS["report-in-minutes"].spec


def test_a_measured_preset_tells_its_accuracy_and_the_time_to_it() -> None:
    told = tell_goal(change(FAST, "train.seed=5", "train.device=cpu"), 118.0)
    assert told is not None
    assert told[:2] == ("84.1 %", "in about 2 min on this machine")
    assert "84.39 % ± 0.10 % of the test images" in told[2]
    assert "over 5 seeds" in told[2]
    faster = tell_goal(FAST, 60.0)
    assert faster is not None
    assert faster[1] == "in about 1 min on this machine"


def test_what_nobody_measured_promises_nothing() -> None:
    assert tell_goal(change(FAST, "train.epochs=3"), 100.0) is None
    assert tell_goal(change(FAST, "train.goal_accuracy=0.9"), 100.0) is None
    assert find_reached(PRESETS["best-5m"].spec) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"presets": 3}', '{"presets": {"report-in-minutes": {}}}'])
def test_a_result_file_that_is_not_there_or_another_promises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    if content:
        (tmp_path / "presets.json").write_text(content)
    monkeypatch.setattr(measured, "RESULTS", tmp_path / "presets.json")
    measured._read_results.cache_clear()
    try:
        assert tell_goal(FAST, 100.0) is None
    finally:
        measured._read_results.cache_clear()


def test_the_goal_is_below_what_the_preset_reached_in_every_seed() -> None:
    kept = json.loads(measured.RESULTS.read_text())["presets"]["report-in-minutes"]
    assert min(kept["test_accuracy"]["values"]) > FAST.train.goal_accuracy
