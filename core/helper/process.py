"""A warm process next to the page server, for questions that need torch, such as a picture of augmented samples.

The page's process stays free of torch; the answer comes as a future.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from core.system.child import Child
from core.system.memory import available_memory

_TIMEOUT_SECONDS = 120
# Without an open page and a question, before its memory is given back.
IDLE_SECONDS = 600.0
BYTES_TO_WARM_UP = 1 << 30  # it takes 0.4 GiB


def call(target: str, **kwargs: Any) -> Future[Any]:
    """Runs `package.module:function` with these arguments in the helper process.

    The future holds the result or the exception that the function raised, or `ChildError` if the process died.
    """
    global _used
    _used = time.monotonic()
    return _executor.submit(lambda: _helper.ask(target, _TIMEOUT_SECONDS, **kwargs))


def warm_up(module: str) -> None:
    """Starts the helper process and has it import a module, so that the first question is answered sooner.

    Once for each module, and not where memory is short.
    """
    if module not in _warmed and available_memory() > BYTES_TO_WARM_UP:
        _warmed.add(module)
        call("core.system.child:load", name=module)


def review(*, in_use: bool) -> None:
    """Ends the helper process where nobody has had a page open or asked for long; to be called every few seconds."""
    global _used
    if in_use:
        _used = time.monotonic()
    elif time.monotonic() - _used > IDLE_SECONDS:
        _used = time.monotonic()
        _warmed.clear()
        _executor.submit(_helper.stop)


# One thread: the answers are small, and training needs the cores.
_helper = Child("helper process", lambda: {"OMP_NUM_THREADS": "1", **os.environ})
_executor = ThreadPoolExecutor(1, thread_name_prefix="helper")
_used = time.monotonic()
_warmed: set[str] = set()
