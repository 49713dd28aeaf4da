"""Which of a growing number of points are kept, so that there are never too many and resuming changes none."""

from __future__ import annotations

MAX_KEPT = 1000
_REGULAR = MAX_KEPT - 2  # beside the first and the last


def find_stride(count: int) -> int:
    """Every how many of `count` points one is kept: the least power of two that leaves few enough."""
    return 1 << (count // (_REGULAR + 1)).bit_length()


def is_kept(number: int, count: int) -> bool:
    """Whether point `number`, from 1 on, is among those kept of `count`: the first, and every so many.

    It follows from the two numbers alone, and what is kept of more points was kept of fewer.
    """
    return number == 1 or number % find_stride(count) == 0
