"""A request to stop a run, noticed at any moment."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

from core.runs import layout

POLL_SECONDS = 0.3


class StopRequestedError(Exception):
    """Raised in the main thread while nothing else would notice a request to stop."""


class StopSignal:
    """A request to stop, by the run's `stop` file or by SIGTERM."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / layout.STOP
        self.asked = False
        self.over = False
        self.breaks_in = False

    def listen(self) -> None:
        for name in ("SIGTERM", "SIGINT"):
            signal.signal(getattr(signal, name), self.hear)

    def hear(self, *_: object) -> None:
        self.asked = True
        if self.breaks_in:
            self.breaks_in = False
            raise StopRequestedError

    def is_set(self) -> bool:
        self.asked = self.asked or self.path.exists()
        return self.asked

    def watch(self) -> None:
        """Watches for the file in a thread: reading images or loading torch may take longer than a stop should."""
        threading.Thread(target=self._watch, name="stop", daemon=True).start()

    def _watch(self) -> None:
        while not self.is_set():
            if self.over:  # a process that trains several runs has a watch for each
                return
            time.sleep(POLL_SECONDS)
        if self.breaks_in and not self.over:
            # To the main thread itself: a signal elsewhere would not wake it from a long read.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
