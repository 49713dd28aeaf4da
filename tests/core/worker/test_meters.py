"""How long a training still takes is judged by this process's pace alone."""

import pytest

from core.worker import meters
from core.worker.meters import Clock, UseMeter


def test_the_time_left_follows_the_pace_and_earlier_processes_count_as_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(meters.time, "monotonic", lambda: now)
    clock = Clock(epochs=10)
    clock.before = 50.0
    assert clock.seconds_left("train", 5, 0, 1) is None  # nothing has begun
    clock.start()
    assert clock.seconds_left("train", 4, 0, 1) is None  # nothing to go by yet
    now += 20
    assert clock.seconds == 70
    assert clock.seconds_left("train", 6, 0, 1) == pytest.approx(40)  # 10 s an epoch, 4 to go
    assert clock.seconds_left("train", 7, 1, 2) == pytest.approx(20 / 2.5 * 3.5)
    assert clock.seconds_left("validate", 6, 3, 4) == pytest.approx(40)
    assert clock.seconds_left("loading", 6, 0, 1) is None
    assert clock.seconds_left("test", 10, 1, 2) == 0


def test_an_epochs_figures_are_the_means_since_the_last_epoch() -> None:
    meter = UseMeter("cpu")
    assert meter.read().keys() == {"cpu_percent", "memory_bytes"}
    meter.seen = [{"cpu_percent": 10.0, "memory_bytes": 1.0}, {"cpu_percent": 30.0, "memory_bytes": 3.0}]
    meter.peak_memory = lambda: 7
    assert meter.read_epoch() == {
        "system/cpu_percent": 20.0,
        "system/memory_bytes": 2.0,
        "system/peak_memory_bytes": 7.0,
    }
    assert meter.read_epoch()["system/memory_bytes"] > 1e6  # a fresh look, as there was none in this epoch
