"""Answers that are kept for the object that was asked about last."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def keep_last(work: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """Asked about the very object of the time before, `work` is not done again: for lists that stay the same list as
    long as nothing in them has changed, as those of `core.runs.listing` do. Do not change the answer.
    """
    last: list[tuple[Asked, Answer]] = []

    @wraps(work)
    def find(asked: Asked) -> Answer:
        for known, answer in last:
            if known is asked:
                return answer
        answer = work(asked)
        last[:] = [(asked, answer)]
        return answer

    return find
