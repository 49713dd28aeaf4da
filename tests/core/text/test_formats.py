"""Numbers as people read them."""

import pytest

from core.text.formats import format_ago, format_bytes, format_count, format_percent, format_seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (1234, "1,234"),
        (78_714, "78.7 k"),
        (999_950, "1.00 M"),
        (2_648_858, "2.65 M"),
        (4.2e9, "4.20 G"),
    ],
)
def test_counts_have_three_digits_that_matter(value: float | None, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (3.14, "3.1 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, text: str) -> None:
    assert format_seconds(seconds) == text


def test_sizes_shares_and_ages() -> None:
    assert format_bytes(170_498_071) == "170 MB"
    assert format_percent(0.84098) == "84.10 %"
    assert format_percent(float("nan")) == "–"
    assert [format_ago(0, now) for now in (3, 300, 7200, 90_000, 5 * 86_400)] == [
        "just now",
        "5 min ago",
        "2 h ago",
        "yesterday",
        "5 d ago",
    ]
