"""Each thing is told once, whoever asks, and however many at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.runs.told import claim


def test_each_thing_is_claimed_once(tmp_path: Path) -> None:
    assert [claim(tmp_path, what) for what in ("a", "b", "a", "b", "c")] == [True, True, False, False, True]


def test_of_many_that_ask_at_once_one_may_tell(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: claim(tmp_path, "end"), range(8))) == 1


def test_a_damaged_note_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "told.json").write_text('{"told": 7}')
    assert claim(tmp_path, "a")
    assert not claim(tmp_path, "a")
