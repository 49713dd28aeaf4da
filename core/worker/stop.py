"""A request to stop a run, or the system's order to end, noticed at any moment."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

from core.runs import layout
from core.runs.ends import end_run, leave_off

POLL_SECONDS = 0.3


class StopRequestedError(Exception):
    """Raised in the main thread where nothing else would notice a request to stop; its text may say how it stopped."""


class StopSignal:
    """Whether a run has to stop: asked by its `stop` file or Ctrl+C, or because the system ends its process (SIGTERM).

    Only the first is a wish about the run. A shutdown, or a cluster that takes its machine back, is none: such a run
    goes on when it is started again.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / layout.STOP
        self.asked = False
        self.by_hand = False  # by Ctrl+C, or by the file
        self.rings = False  # the signal on its way is this object's own
        self.over = False
        self.breaks_in = False

    def listen(self) -> None:
        for name in ("SIGTERM", "SIGINT"):
            signal.signal(getattr(signal, name), self.hear)

    def hear(self, number: int, *_: object) -> None:
        self.asked, self.rings = True, False
        self.by_hand = self.by_hand or number == signal.SIGINT
        if self.breaks_in:
            self.breaks_in = False
            raise StopRequestedError

    def is_request(self) -> bool:
        """Whether somebody wants this run to stop."""
        # Kept: whoever resumes the run in the meantime takes the request away.
        self.by_hand = self.by_hand or self.path.exists()
        return self.by_hand

    def is_set(self) -> bool:
        self.asked = self.asked or self.is_request()
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
            self.rings = True
            # To the main thread itself: a signal elsewhere would not wake it from a long read.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def end_stopped(folder: Path, stop: StopSignal, reason: str, epoch: int = 0) -> int:
    """The run's end, if somebody asked for it; otherwise the system ends this process, and the run may go on."""
    if stop.is_request():
        return end_run(folder, "stopped", reason, epoch=epoch)
    return leave_off(folder, signal.SIGTERM)
