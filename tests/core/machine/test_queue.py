"""Whose turn it is: highest priority, then the oldest, one run a slot, and nobody waits for the dead."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.machine import queue
from core.machine.queue import Ticket, enqueue, move_to_head, read_queue, read_slots, take_slot
from core.runs import presence
from core.system.locks import FileLock

CPU = ["cpu"]
TWO_GPUS = ["cuda:0", "cuda:1", "cpu"]


class Waiter:
    """A run that holds its lock, as a worker does while it waits."""

    def __init__(self, runs: Path, run_id: str, device: str = "auto", priority: int = 0) -> None:
        self.runs, self.id = runs, run_id
        (runs / run_id).mkdir()
        self.lock = FileLock(runs / run_id / "run.lock")
        assert self.lock.try_acquire()
        enqueue(runs, run_id, device, priority)

    def take(self, devices: list[str]) -> queue.Slot | None:
        return take_slot(self.runs, self.id, devices)


def order(runs: Path) -> list[str]:
    return [ticket.run_id for ticket in read_queue(runs)]


def test_the_oldest_is_first_and_priority_goes_before_age(runs: Path) -> None:
    for run_id, priority in (("b", 0), ("a", 0), ("urgent", 2), ("c", 0)):
        enqueue(runs, run_id, "auto", priority)
    assert order(runs) == ["urgent", "b", "a", "c"]


def test_run_next_goes_to_the_head_also_before_an_earlier_run_next(runs: Path) -> None:
    for run_id in "abc":
        enqueue(runs, run_id, "auto")
    assert move_to_head(runs, "c") == 1
    assert move_to_head(runs, "b") == 2
    assert order(runs) == ["b", "c", "a"]
    assert move_to_head(runs, "gone") is None


def test_a_run_queued_twice_keeps_its_one_place(runs: Path) -> None:
    for run_id in "aba":
        enqueue(runs, run_id, "auto")
    assert order(runs) == ["a", "b"]


@settings(max_examples=50)
@given(
    st.builds(
        Ticket,
        run_id=st.text("0123456789abcdef-", min_size=1),
        device=st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:15"]),
        priority=st.integers(-(10**6), 10**6),
        queued_ns=st.integers(1, 2**63),
    )
)
def test_a_tickets_name_tells_all_of_it(ticket: Ticket) -> None:
    found = Ticket.parse(ticket.name)
    assert found
    assert (found.order, found.device, found.name) == (ticket.order, ticket.device, ticket.name)


def test_files_in_the_queue_that_are_no_tickets_are_passed_over(runs: Path) -> None:
    for name in ("README", "a~b~c~d", "~~~", ".lock"):
        (queue.queue_folder(runs) / name).touch()
    enqueue(runs, "a", "auto")
    assert order(runs) == ["a"]


def test_a_slot_holds_one_run_and_the_next_takes_it_when_it_is_free(runs: Path) -> None:
    first, second, third = (Waiter(runs, run_id) for run_id in "abc")
    assert second.take(CPU) is None
    held = first.take(CPU)
    assert held
    assert held.device == "cpu"
    assert read_slots(runs, "cpu") == ["a"]
    assert (second.take(CPU), third.take(CPU)) == (None, None)
    held.release()
    assert third.take(CPU) is None
    assert second.take(CPU)


def test_nobody_waits_behind_a_run_whose_worker_died(runs: Path) -> None:
    first, second = (Waiter(runs, run_id) for run_id in "ab")
    first.lock.release()
    assert second.take(CPU)
    assert order(runs) == []


def test_a_run_that_was_just_launched_keeps_its_place(runs: Path) -> None:
    (runs / "a").mkdir()
    presence.mark_launch(runs / "a")
    enqueue(runs, "a", "auto")
    second = Waiter(runs, "b")
    assert second.take(CPU) is None
    os.utime(runs / "a" / "launched", (time.time() - 11,) * 2)
    assert second.take(CPU)


def test_a_run_that_wants_another_device_is_no_obstacle(runs: Path) -> None:
    waiters = [Waiter(runs, run_id, device) for run_id, device in (("a", "cuda:1"), ("b", "cuda:1"), ("c", "auto"))]
    assert waiters[1].take(TWO_GPUS) is None
    taken = waiters[2].take(TWO_GPUS)
    assert taken
    assert taken.device == "cuda:0"


def test_runs_spread_over_the_emptiest_devices(runs: Path) -> None:
    (runs / "settings.json").write_text(json.dumps({"slots": {"cuda:0": 2, "cuda:1": 2}}))
    taken = [Waiter(runs, run_id).take(TWO_GPUS) for run_id in "abcd"]
    assert [slot.device for slot in taken if slot] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    # The CPU is free, but a run that may choose waits for a GPU.
    assert Waiter(runs, "e").take(TWO_GPUS) is None
    assert Waiter(runs, "f", "cpu").take(TWO_GPUS)


@pytest.mark.parametrize(
    ("wanted", "devices", "suiting"),
    [
        ("auto", CPU, ["cpu"]),
        ("auto", TWO_GPUS, ["cuda:0", "cuda:1"]),
        ("auto", ["mps", "cpu"], ["mps"]),
        ("cuda", TWO_GPUS, ["cuda:0", "cuda:1"]),
        ("cuda:1", TWO_GPUS, ["cuda:1"]),
        ("cuda", CPU, []),
        ("cpu", TWO_GPUS, ["cpu"]),
    ],
)
def test_a_spec_gets_a_device_that_it_named(wanted: str, devices: list[str], suiting: list[str]) -> None:
    assert [device for device in devices if queue.suits(wanted, device, devices)] == suiting


def test_a_device_that_gets_fewer_slots_begins_no_run_before_enough_of_its_runs_have_ended(runs: Path) -> None:
    (runs / "settings.json").write_text('{"slots": {"cpu": 3}}')
    first, second, third = (Waiter(runs, run_id).take(CPU) for run_id in "abc")
    waiting = Waiter(runs, "d")
    assert first
    assert second
    assert third
    (runs / "settings.json").write_text('{"slots": {"cpu": 2}}')
    assert read_slots(runs, "cpu") == ["a", "b", "c"], "they train on"
    first.release()
    assert read_slots(runs, "cpu") == ["b", "c"]
    assert waiting.take(CPU) is None
    second.release()
    assert read_slots(runs, "cpu") == [None, "c"]
    taken = waiting.take(CPU)
    assert taken
    assert read_slots(runs, "cpu") == ["d", "c"]
    third.release()
    assert read_slots(runs, "cpu") == ["d", None]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"slots": 3}', '{"slots": {"cpu": "many"}}', '{"slots": {"cpu": -2}}']
)
def test_damaged_settings_mean_one_slot(runs: Path, content: str) -> None:
    (runs / "settings.json").write_text(content)
    assert queue.count_slots(runs, "cpu") == 1


def _wait_and_work(runs: Path, run_id: str, dies: bool) -> None:
    """A worker in small: waits, holds its slot for a moment and notes who else was in it."""
    lock = FileLock(runs / run_id / "run.lock")
    assert lock.try_acquire()
    while not (slot := take_slot(runs, run_id, CPU)):
        time.sleep(0.01)
    number = read_slots(runs, "cpu").index(run_id)
    inside = runs / f"inside-{number}"
    inside.mkdir()  # fails where somebody is in the same slot
    time.sleep(0.01)
    inside.rmdir()
    (runs / f"done-{run_id}").touch()
    if dies:
        os._exit(9)
    slot.release()


def test_fifty_runs_on_four_slots_with_ten_dying_never_share_a_slot_and_all_get_one(runs: Path) -> None:
    (runs / "settings.json").write_text('{"slots": {"cpu": 4}}')
    ids = [f"run{number:02d}" for number in range(50)]
    dying = set(random.Random(0).sample(ids, 10))
    for run_id in ids:
        (runs / run_id).mkdir()
        presence.mark_launch(runs / run_id)
        enqueue(runs, run_id, "auto")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_wait_and_work, args=(runs, run_id, run_id in dying)) for run_id in ids]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [9 if run_id in dying else 0 for run_id in ids]
    assert all((runs / f"done-{run_id}").exists() for run_id in ids)
    assert (read_queue(runs), read_slots(runs, "cpu")) == ([], [None] * 4)
