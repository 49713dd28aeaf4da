from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs.series import Series, SeriesError, append_series, read_series, to_block

EVEN = Series(
    np.array([0, 5, 5, 3]),
    np.array([0.1, np.nan, -np.inf, 5e-324]),
    np.array([1.7e9, 1.7e9 + 1e-6, np.nan, 0.0]),
)


def test_series_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    append_series(tmp_path / "series.bin", [("val/acc ä", EVEN), ("empty", Series(*(np.empty(0),) * 3))])
    found = read_series(tmp_path / "series.bin")
    assert found.fault == ""
    assert list(found.series) == ["val/acc ä", "empty"]
    for name in ("steps", "values", "times"):
        assert getattr(found.series["val/acc ä"], name).tobytes() == getattr(EVEN, name).tobytes()


def test_points_are_appended_while_a_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "series.bin"
    for step in range(3):
        one = Series(np.array([step]), np.array([step / 3]), np.array([100.0 + step]))
        append_series(path, [("loss", one), ("acc", one)])
    assert read_series(path).series["acc"].values.tolist() == [0, 1 / 3, 2 / 3]


def test_a_file_cut_at_any_byte_gives_its_whole_blocks(tmp_path: Path) -> None:
    path, first = tmp_path / "series.bin", to_block("a", EVEN)
    whole = first + to_block("b", EVEN)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found = read_series(path)
        assert list(found.series) == (["a"] if size >= len(first) else [])
        assert not found.fault


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path, first = tmp_path / "series.bin", to_block("a", EVEN)
    whole = first + to_block("b", EVEN)
    for place in (0, len(first), len(first) + 20, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found = read_series(path)
        assert "is damaged" in found.fault
        assert "b" not in found.series


def test_a_name_without_end_is_refused() -> None:
    with pytest.raises(SeriesError, match="1 to 1,000 bytes"):
        to_block("a" * 1001, EVEN)
