"""An answer is kept for the very object that was asked about last, and for no other that is equal."""

from __future__ import annotations

from core.system.memo import keep_last


def test_only_the_object_of_the_time_before_is_known() -> None:
    asked: list[list[int]] = []

    @keep_last
    def add_up(numbers: list[int]) -> int:
        """Their sum."""
        asked.append(numbers)
        return sum(numbers)

    one, equal = [1, 2], [1, 2]
    assert [add_up(one), add_up(one), add_up(equal), add_up(one)] == [3, 3, 3, 3]
    assert len(asked) == 3
    assert add_up.__doc__ == "Their sum."
