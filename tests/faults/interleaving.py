"""Threads that take turns at every touch of a file, in an order that a seed decides.

Two threads left to themselves meet the same few interleavings again and again. Here a thread halts before each file it
opens, moves, locks, lists or removes, and a die says who goes on. Python tells of these by its audit hooks, which
cannot be taken away again: only for a process of its own.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

EVENTS = frozenset(
    ["open", "fcntl.flock"]
    + [f"os.{name}" for name in ("rename", "remove", "rmdir", "mkdir", "scandir", "listdir", "truncate", "utime")]
)
BLOCKED_SECONDS = 0.003  # so long without a touch, and a thread waits for a lock that another one holds

_current: Turns | None = None


class Turns:
    """One interleaving of some acts; `run` gives what each act gave or raised."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.changed = threading.Condition()
        self.waiting: set[int] = set()
        self.turn: int | None = None
        self.me = threading.local()
        self.steps = 0

    def run(self, acts: Sequence[Callable[[], Any]]) -> list[Any]:
        global _current
        results: list[Any] = [None] * len(acts)
        threads = [threading.Thread(target=self._live, args=(index, acts, results)) for index in range(len(acts))]
        _current = self
        for thread in threads:
            thread.start()
        try:
            while alive := [thread for thread in threads if thread.is_alive()]:
                self._give_turn(len(alive))
        finally:
            _current = None
        return results

    def _live(self, index: int, acts: Sequence[Callable[[], Any]], results: list[Any]) -> None:
        self.me.index = index
        try:
            self.halt()
            results[index] = acts[index]()
        except Exception as error:  # noqa: BLE001 - the test judges it
            results[index] = error
        finally:
            with self.changed:
                self.changed.notify_all()

    def halt(self) -> None:
        """Waits for the thread's turn."""
        index = getattr(self.me, "index", None)
        if index is None:
            return
        with self.changed:
            self.waiting.add(index)
            self.changed.notify_all()
            while self.turn != index:
                self.changed.wait()
            self.turn = None
            self.waiting.discard(index)
            self.steps += 1

    def _give_turn(self, alive: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.turn is None and len(self.waiting) >= alive, BLOCKED_SECONDS)
            if self.turn is None and self.waiting:
                self.turn = self.dice.choice(sorted(self.waiting))
                self.changed.notify_all()


def _hear(event: str, _: tuple[Any, ...]) -> None:
    if _current is not None and event in EVENTS:
        _current.halt()


def install() -> None:
    """From now on, for the rest of this process."""
    sys.addaudithook(_hear)
    sleep = time.sleep

    def sleep_less(seconds: float) -> None:
        if _current is not None:
            _current.halt()
        sleep(min(seconds, 0.002))

    time.sleep = sleep_less
