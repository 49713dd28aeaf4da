"""A request to stop is noticed by signal and by file, and interrupts the main thread only where nothing else would."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.worker.stop import StopRequestedError, StopSignal


@pytest.fixture
def stop(tmp_path: Path) -> Iterator[StopSignal]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    ours = StopSignal(tmp_path)
    ours.listen()
    yield ours
    ours.over = True
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_the_file_is_a_request(stop: StopSignal) -> None:
    assert not stop.is_set()
    stop.path.touch()
    assert stop.is_set()
    stop.path.unlink()
    assert stop.is_set()  # once asked, always asked


def test_the_systems_order_to_end_is_no_wish_to_stop_the_run_but_ctrl_c_is(stop: StopSignal) -> None:
    signal.raise_signal(signal.SIGTERM)
    assert (stop.is_set(), stop.is_request()) == (True, False)
    signal.raise_signal(signal.SIGINT)
    assert stop.is_request()


def test_a_request_stays_one_when_the_system_ends_the_process_meanwhile(stop: StopSignal) -> None:
    stop.path.touch()
    signal.raise_signal(signal.SIGTERM)
    assert stop.is_request()


def test_a_signal_only_sets_it_while_the_engine_looks_itself(stop: StopSignal) -> None:
    signal.raise_signal(signal.SIGTERM)
    assert stop.asked


def test_a_signal_breaks_into_what_does_not_look_once(stop: StopSignal) -> None:
    stop.breaks_in = True
    with pytest.raises(StopRequestedError):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)  # the end of the run is written meanwhile


def test_the_file_breaks_in_too(stop: StopSignal) -> None:
    stop.breaks_in = True
    stop.path.touch()
    with pytest.raises(StopRequestedError):  # noqa: PT012 - it may come at any moment
        stop.watch()
        signal.pause()


def test_a_request_stays_one_when_whoever_resumes_the_run_takes_it_away(stop: StopSignal) -> None:
    stop.path.touch()
    assert stop.is_set()
    stop.path.unlink()
    assert stop.is_request()
