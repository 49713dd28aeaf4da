"""What takes seconds is done beside the page: begun by a click, looked at again and again, never waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import streamlit as st

from core.system.errors import LabError

Result = TypeVar("Result")
Report = Callable[[int, int], None]
TICK_SECONDS = 0.5

_executor = ThreadPoolExecutor(2, thread_name_prefix="job")


class Job(Generic[Result]):
    """Work under way or done. `done` of `total` bytes, 0 where that is not known; `error` is a sentence, or empty."""

    def __init__(self, work: Callable[[Report], Result]) -> None:
        self.done = self.total = 0
        self.began = time.monotonic()
        self._future: Future[Result] = _executor.submit(work, self._report)

    def _report(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def is_over(self) -> bool:
        return self._future.done()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def answer(self) -> tuple[Result | None, str]:
        """The result, or why there is none; what nobody expected is raised, for the page to log."""
        try:
            return self._future.result(), ""
        except LabError as error:
            return None, str(error)

    def describe(self) -> str:
        """How far it is: a share where that is known, else the seconds."""
        if self.total:
            return f"{self.done / self.total:.0%}"
        return f"{self.seconds:.0f} s"


def show_live(is_busy: Callable[[], bool], show: Callable[[], object]) -> None:
    """Shows a part that renews itself while a job of it is under way, and only then; the page when that changes."""
    busy = is_busy()

    def show_part() -> None:
        show()
        if is_busy() != busy:
            st.rerun()

    st.fragment(show_part, run_every=TICK_SECONDS if busy else None)()
