"""The queue without a daemon: who waits for which device, and who is next.

A waiting run is a ticket in `runs/.queue/` whose name says everything, so that listing the folder shows the queue. A
device has slots, each a lock in `runs/.slots/` that a worker holds while it trains; the system frees it however the
worker ends, and the next in line takes it. Only small modules are imported here, because every waiting worker imports
this.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from core.runs.presence import is_waiting
from core.system import files
from core.system.locks import FileLock, hold, is_locked

DEFAULT_SLOTS = 1
MAX_SLOTS = 64
CLUSTER = "cluster:"  # how devices begin that are not this machine's


class Ticket:
    """One waiting run, as written in a ticket's name: priority, time, device and id."""

    __slots__ = ("device", "priority", "queued_ns", "run_id")

    def __init__(self, run_id: str, device: str, priority: int = 0, queued_ns: int = 0) -> None:
        self.run_id = run_id
        self.device = device
        self.priority = priority
        self.queued_ns = queued_ns or time.time_ns()

    @property
    def name(self) -> str:
        return f"{self.run_id}~{self.priority}~{self.queued_ns}~{self.device.replace(':', '-')}"

    @property
    def order(self) -> tuple[int, int, str]:
        """Highest priority first, then the oldest."""
        return (-self.priority, self.queued_ns, self.run_id)

    @classmethod
    def parse(cls, name: str) -> Ticket | None:
        try:
            run_id, priority, queued_ns, device = name.split("~")
            return cls(run_id, device.replace("-", ":"), int(priority), int(queued_ns))
        except ValueError:
            return None


QUEUE, SLOTS = ".queue", ".slots"  # below the runs folder; who only looks makes neither


def queue_folder(runs: Path) -> Path:
    return _made(runs / QUEUE)


def slots_folder(runs: Path) -> Path:
    return _made(runs / SLOTS)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_queue(runs: Path) -> list[Ticket]:
    """All tickets, the head first; some may be stale."""
    try:
        names = os.listdir(runs / QUEUE)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = (Ticket.parse(name) for name in names if not name.startswith("."))
    return sorted((ticket for ticket in found if ticket), key=lambda ticket: ticket.order)


def enqueue(runs: Path, run_id: str, device: str, priority: int = 0, queued_ns: int = 0) -> int:
    """Puts a run into the queue and returns since when it is there; one that is already there keeps its position.

    With `queued_ns` it has the position of one that came then.
    """
    with _queue_lock(runs):
        ticket = next((ticket for ticket in read_queue(runs) if ticket.run_id == run_id), None)
        if ticket is None:
            ticket = Ticket(run_id, device, priority, queued_ns)
            (queue_folder(runs) / ticket.name).touch()
        return ticket.queued_ns


def leave_queue(runs: Path, run_id: str) -> None:
    for ticket in read_queue(runs):
        if ticket.run_id == run_id:
            (queue_folder(runs) / ticket.name).unlink(missing_ok=True)


def move_to_head(runs: Path, run_id: str) -> int | None:
    """Gives a waiting run the highest priority; returns it, or None if the run is not queued."""
    with _queue_lock(runs):
        queue = read_queue(runs)
        ticket = next((ticket for ticket in queue if ticket.run_id == run_id), None)
        if ticket is None:
            return None
        highest = max((other.priority for other in queue if other.run_id != run_id), default=-1)
        old, ticket.priority = ticket.name, max(ticket.priority, highest + 1)
        os.replace(queue_folder(runs) / old, queue_folder(runs) / ticket.name)
        return ticket.priority


def _queue_lock(runs: Path) -> FileLock:
    return hold(queue_folder(runs) / ".lock")


def count_slots(runs: Path, device: str) -> int:
    """How many runs a device takes at once, from `runs/settings.json`; at least one, but of a cluster without nodes."""
    if device.startswith(CLUSTER):
        from core.machine.places import count_places  # what waits for a device of this machine need not have it

        return count_places(runs, device)
    try:
        settings = files.find_note(runs / "settings.json") or {}
        return min(max(1, int(settings["slots"].get(device, DEFAULT_SLOTS))), MAX_SLOTS)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return DEFAULT_SLOTS


def slot_path(runs: Path, device: str, number: int) -> Path:
    return slots_folder(runs) / _slot_name(device, number)


def _slot_name(device: str, number: int) -> str:
    return f"{device.replace(':', '-')}~{number}"


def read_slots(runs: Path, device: str) -> list[str | None]:
    """Each slot of a device: the id of the run in it, or None if it is free.

    A device that had more slots keeps those in which a run still is, and has as many fewer that are free.
    """
    count, taken = count_slots(runs, device), _list_taken(runs, device)
    free = _list_numbers(count, taken)
    holders = {number: _read_holder(runs / SLOTS / _slot_name(device, number)) for number in taken}
    return [holders.get(number) for number in sorted([*taken, *free])]


def _list_taken(runs: Path, device: str) -> list[int]:
    """Numbers of a device's slots in which a run is, of those too that it no longer has."""
    begin = _slot_name(device, 0)[:-1]
    try:
        tails = [name.removeprefix(begin) for name in os.listdir(runs / SLOTS) if name.startswith(begin)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    numbers = sorted(int(tail) for tail in tails if tail.isdecimal())
    return [number for number in numbers if is_locked(runs / SLOTS / _slot_name(device, number))]


def _list_numbers(count: int, taken: list[int]) -> list[int]:
    """Numbers of the slots that are free, where `count` runs may be in some at once."""
    return [number for number in range(count) if number not in taken][: max(0, count - len(taken))]


def _read_holder(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def suits(wanted: str, device: str, devices: list[str]) -> bool:
    """Whether a run that wants `auto`, `cuda` or one device may take this one of the machine's or cluster's devices."""
    if wanted.startswith(CLUSTER) != device.startswith(CLUSTER):
        return False
    if wanted.startswith(CLUSTER):
        kinds = [each.removeprefix(CLUSTER) for each in devices]
        return suits(wanted.removeprefix(CLUSTER), device.removeprefix(CLUSTER), kinds)
    if wanted == "auto":
        # The CPU only if there is nothing faster: a run on it could take all day while a GPU becomes free.
        return device != "cpu" or devices == ["cpu"]
    if wanted == "cuda":
        return device.startswith("cuda")
    return wanted == device


class Slot:
    """A slot of a device, held."""

    __slots__ = ("device", "lock")

    def __init__(self, device: str, lock: FileLock) -> None:
        self.device = device
        self.lock = lock

    def release(self) -> None:
        self.lock.release()


def take_slot(runs: Path, run_id: str, devices: list[str]) -> Slot | None:
    """A slot for this run if one is free and no run ahead in the queue can take it, else None."""
    free = _free_slots(runs, devices)
    if not free:
        return None
    guard = FileLock(queue_folder(runs) / ".lock")
    if not guard.try_acquire():
        return None
    with guard:
        for ticket in read_queue(runs):
            mine = ticket.run_id == run_id
            if not mine and not is_waiting(runs / ticket.run_id):
                (queue_folder(runs) / ticket.name).unlink(missing_ok=True)
                continue
            slot = next((slot for slot in free if suits(ticket.device, slot[0], devices)), None)
            if mine:
                taken = _lock_slot(runs, run_id, slot) if slot else None
                if taken:
                    (queue_folder(runs) / ticket.name).unlink(missing_ok=True)
                return taken
            if slot:
                # Left for the run ahead, which will take it in a moment.
                free.remove(slot)
    return None


def _free_slots(runs: Path, devices: list[str]) -> list[tuple[str, int]]:
    """Free slots, the least busy device first, so that runs spread over the devices."""
    taken = {device: _list_taken(runs, device) for device in devices}
    free = [
        (device, number) for device in devices for number in _list_numbers(count_slots(runs, device), taken[device])
    ]
    return sorted(free, key=lambda slot: (len(taken[slot[0]]), devices.index(slot[0]), slot[1]))


def _lock_slot(runs: Path, run_id: str, slot: tuple[str, int]) -> Slot | None:
    lock = FileLock(slot_path(runs, *slot))
    if not lock.acquire(0.2):
        return None
    lock.write(run_id)
    return Slot(slot[0], lock)
