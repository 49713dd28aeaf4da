"""A warm process next to the page server, for questions that need torch, such as a picture of augmented samples.

The page's process stays free of torch; the answer comes as a future.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

from core.system.child import Child

_TIMEOUT_SECONDS = 120


def call(target: str, **kwargs: Any) -> Future[Any]:
    """Runs `package.module:function` with these arguments in the helper process.

    The future holds the result or the exception that the function raised, or `ChildError` if the process died.
    """
    return _executor.submit(lambda: _helper.ask(target, _TIMEOUT_SECONDS, **kwargs))


@cache
def warm_up(module: str) -> None:
    """Starts the helper process and has it import a module, so that the first question is answered sooner."""
    call("core.system.child:load", name=module)


# One thread: the answers are small, and training needs the cores.
_helper = Child("helper process", lambda: {"OMP_NUM_THREADS": "1", **os.environ})
_executor = ThreadPoolExecutor(1, thread_name_prefix="helper")
