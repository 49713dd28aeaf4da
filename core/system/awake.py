"""A clock that stands still while its process does: stopped by a signal, or frozen with its container or machine."""

from __future__ import annotations

import threading
import time

LOOK_SECONDS = 1.0
MOST_SECONDS = 5.0  # between two looks of a process that runs, however busy the machine is


class AwakeClock:
    """Called it gives seconds as `time.monotonic` does, but none of those in which nothing of this process ran.

    A thread looks every second: a gap far longer than that between two looks is no time that anything took. A `with`
    block ends the thread, as `end` does; after that nobody must call it any more.
    """

    def __init__(self, look_seconds: float = LOOK_SECONDS, most_seconds: float = MOST_SECONDS) -> None:
        self._look_seconds, self._most = look_seconds, most_seconds
        self._lock, self._over = threading.Lock(), threading.Event()
        self._seen, self._lost = time.monotonic(), 0.0
        threading.Thread(target=self._look, name="awake", daemon=True).start()

    def __call__(self) -> float:
        # Whoever asks first after a gap notices it, so that nobody is ever given a time that goes back.
        with self._lock:
            now = time.monotonic()
            if now - self._seen > self._most:
                self._lost += now - self._seen - self._look_seconds  # so much of it may have been awake
            self._seen = now
            return now - self._lost

    def _look(self) -> None:
        while not self._over.wait(self._look_seconds):
            self()

    def end(self) -> None:
        self._over.set()

    def __enter__(self) -> AwakeClock:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
