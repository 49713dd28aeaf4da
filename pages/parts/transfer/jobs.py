"""Work that takes seconds, in a thread: started by a click and polled by the page, which never waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from core.system.errors import LabError
from core.text.formats import format_percent

Result = TypeVar("Result")
Report = Callable[[int, int], None]

_executor = ThreadPoolExecutor(2, thread_name_prefix="job")


class Job(Generic[Result]):
    """Work under way or done. `done` of `total` bytes, 0 where that is not known;"""

    def __init__(self, work: Callable[[Report], Result]) -> None:
        self.done = self.total = 0
        self.began = time.monotonic()
        self._future: Future[Result] = _executor.submit(work, self._report)

    def _report(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def is_over(self) -> bool:
        return self._future.done()

    def answer(self) -> tuple[Result | None, str]:
        """The result, or why there is none; what nobody expected is raised, for the page to log."""
        try:
            return self._future.result(), ""
        except LabError as error:
            return None, str(error)

    def describe(self) -> str:
        """How far it is: a share where that is known, else the seconds."""
        return format_percent(self.done / self.total, 0) if self.total else f"{time.monotonic() - self.began:.0f} s"
