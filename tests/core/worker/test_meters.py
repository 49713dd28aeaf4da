"""How long a training still takes is judged by this process's pace alone."""

from pathlib import Path

import pytest

from core.engine.events import Pace, Work
from core.worker import meters
from core.worker.meters import Clock, UseMeter, WaitMeter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One that began at 100 and is at 160 now, after 50 seconds in earlier processes."""
    times = iter([100.0])
    monkeypatch.setattr(meters.time, "monotonic", lambda: next(times, 160.0))
    clock = Clock()
    clock.before = 50.0
    assert clock.seconds == 50
    clock.start()
    return clock


def test_the_time_left_counts_what_is_still_to_be_trained_validated_and_tested(clock: Clock) -> None:
    assert clock.seconds == 110
    assert clock.seconds_left(Work(Pace(), Pace(), 1000, 300), 3) is None  # nothing to go by yet
    half = Work(Pace(200, 20.0), Pace(), 800, 300)
    assert clock.seconds_left(half, 3) == pytest.approx(80 + 30), "an image is scored as it is trained on"
    measured = Work(Pace(200, 20.0), Pace(100, 2.0), 800, 300)
    assert clock.seconds_left(measured, 3) == pytest.approx(80 + 6)
    only_to_test = Work(Pace(), Pace(100, 2.0), 0, 300)
    assert clock.seconds_left(only_to_test, 0) == pytest.approx(6)


def test_what_an_epoch_takes_besides_is_expected_of_the_next_ones_too(clock: Clock) -> None:
    work = Work(Pace(500, 40.0), Pace(100, 5.0), 1000, 200)
    clock.end_epoch(work)  # 60 seconds in this process
    assert clock.seconds_left(work, 2) == pytest.approx(80 + 10 + 2 * 15)


def test_time_in_which_the_process_stood_still_is_not_expected_of_the_next_epochs(clock: Clock) -> None:
    work = Work(Pace(500, 10.0), Pace(100, 5.0), 1000, 200, away=40.0)
    clock.end_epoch(work)  # of 60 seconds in this process 40 were none of its own
    assert clock.seconds == 110
    assert clock.seconds_left(work, 2) == pytest.approx(20 + 10 + 2 * 5)


def test_an_epochs_figures_are_the_means_since_the_last_epoch() -> None:
    meter = UseMeter("cpu")
    assert meter.read().keys() - {"cpu_wait_percent"} == {"cpu_percent", "memory_bytes"}
    meter.seen = [{"cpu_percent": 10.0, "memory_bytes": 1.0}, {"cpu_percent": 30.0, "memory_bytes": 3.0}]
    meter.peak_memory = lambda: 7
    assert meter.read_epoch() == {
        "system/cpu_percent": 20.0,
        "system/memory_bytes": 2.0,
        "system/peak_memory_bytes": 7.0,
    }
    assert meter.read_epoch()["system/memory_bytes"] > 1e6  # a fresh look, as there was none in this epoch


def test_waiting_for_a_core_is_told_as_a_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "schedstat"
    monkeypatch.setattr(WaitMeter, "PATH", path)
    now = [10.0]
    monkeypatch.setattr("core.worker.meters.time.monotonic", lambda: now[0])
    assert WaitMeter().read() == {}  # not on this system
    path.write_text("7000000000 1000000000 5\n")
    meter = WaitMeter()
    now[0] = 12.0
    path.write_text("7500000000 2500000000 9\n")
    assert meter.read() == {"cpu_wait_percent": 75.0}
