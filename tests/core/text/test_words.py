"""Lists and counts in a sentence."""

from __future__ import annotations

from core.text.words import count_of, join_words, list_first


def test_words_are_joined_as_in_a_sentence() -> None:
    assert [join_words("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert join_words(["a", "b"], "or") == "a or b"


def test_long_lists_are_cut_and_counted() -> None:
    assert [list_first("abcd"[:n], 3) for n in (1, 3, 4)] == ["a", "a, b, c", "a, b, c and 1 more"]


def test_one_is_singular() -> None:
    assert [count_of(n, "run") for n in (0, 1, 1204)] == ["0 runs", "1 run", "1,204 runs"]
