"""Questions for the helper process, answered by this one."""

from __future__ import annotations

from concurrent.futures import Future
from pkgutil import resolve_name
from typing import Any


def answer_here(target: str, **question: Any) -> Future[Any]:
    """As `core.helper.process.call`, without another process: the answer, or the error, of "module:function"."""
    future: Future[Any] = Future()
    try:
        future.set_result(resolve_name(target)(**question))
    except Exception as error:  # noqa: BLE001 - as the helper process hands on whatever it is
        future.set_exception(error)
    return future
