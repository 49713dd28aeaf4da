"""Live pages tick as they like until there are too many, then all more slowly, and quicker again when they go."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.metrics import stamp_epochs
from pages.parts.frame import pace


@pytest.fixture(autouse=True)
def no_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pace, "_overhead", pace._Overhead(factor=1.0))
    pace._open.clear()
    yield
    pace._open.clear()


def open_pages(count: int, seconds: float, wanted: float = 0.5) -> None:
    pace._open.clear()
    for number in range(count):
        pace._open[number] = pace._Page(time.monotonic(), wanted, seconds, wanted)


@pytest.mark.parametrize(("count", "interval"), [(0, 0.5), (10, 0.5), (24, 0.5), (26, 1.0), (51, 2.0), (1000, 4.0)])
def test_the_more_pages_the_longer_they_wait(count: int, interval: float) -> None:
    open_pages(count, 0.01)
    assert pace.choose_interval(0.5) == interval


def test_a_page_is_quicker_again_only_when_there_is_room_to_spare() -> None:
    open_pages(26, 0.01)
    assert pace.choose_interval(0.5) == pace.choose_interval(0.5, now=0.5) == 1.0
    open_pages(22, 0.01)
    assert pace.choose_interval(0.5, now=1.0) == 1.0
    assert pace.choose_interval(0.5) == 0.5
    open_pages(17, 0.01)
    assert pace.choose_interval(0.5, now=1.0) == 0.5


@pytest.mark.parametrize(("processed", "factor"), [(0.03, 3.0), (0.005, 1.0), (1.0, pace.MAX_OVERHEAD)])
def test_what_the_process_does_beside_the_ticks_counts(
    processed: float, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = {"now": 100.0, "processed": 5.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(time, "process_time", lambda: clock["processed"])
    overhead = pace._Overhead()
    for _ in range(1000):
        clock["now"] += 0.5
        clock["processed"] += processed
        overhead.add(0.01)
    assert overhead.factor == pytest.approx(factor)


def test_closed_pages_are_forgotten() -> None:
    open_pages(1000, 0.01)
    for page in pace._open.values():
        page.ticked -= 60
    assert pace.choose_interval(0.5) == 0.5
    assert not pace._open


def test_a_page_that_is_told_of_changes_asks_half_as_often_and_never_more_in_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    intervals: list[float | None] = []
    monkeypatch.setattr("streamlit.fragment", lambda part, run_every=None: (intervals.append(run_every), part)[1])
    for watched in ((), [tmp_path]):
        pace.live_fragment(lambda: None, 0.5, watched)
    assert intervals == [0.5, 1.0]
    for interval in (1.0, 2.0, 4.0):
        by_itself, by_changes = interval * pace.WATCHED, pace.choose_gap(0.5, interval)
        assert 1 / by_itself + 1 / by_changes <= 1 / interval


def test_an_epoch_more_and_an_end_are_changes(tmp_path: Path) -> None:
    before = stamp_epochs(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n')
    epoch = stamp_epochs(tmp_path)
    (tmp_path / "end.json").write_text("{}")
    assert before != epoch != stamp_epochs(tmp_path)


@pytest.mark.parametrize(("count", "gap"), [(0, 0.1), (1, 0.1), (10, 0.2), (20, 0.4), (25, 0.5), (30, 0.5)])
def test_a_change_is_told_as_soon_as_all_open_pages_leave_time_for(count: int, gap: float) -> None:
    open_pages(count, 0.01)
    assert pace.choose_gap(0.5, 0.5) == pytest.approx(gap)
    assert count > 25 or count * 0.01 / gap <= pace.SHARE + 1e-9
