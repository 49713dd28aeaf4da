"""Which points are kept follows from their numbers, so that resuming changes none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.stats.thinning import MAX_KEPT, find_stride, is_kept


@given(st.integers(1, 10**9))
def test_so_many_points_are_kept(count: int) -> None:
    stride = find_stride(count)
    assert 1 + count // stride + 1 <= MAX_KEPT
    assert stride == 1 or count // (stride // 2) > MAX_KEPT - 2


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**6))
def test_what_is_kept_of_more_points_was_kept_of_fewer(number: int, count: int, more: int) -> None:
    assert is_kept(1, count)
    assert is_kept(number, count) or not is_kept(number, count + more)
