"""A lock has one holder, and checking it disturbs nobody."""

from pathlib import Path

import pytest

from core.system import locks
from core.system.locks import FileLock, RunsFolderError, hold, is_locked, require_locks


def test_a_lock_has_one_holder_and_tells_who(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not is_locked(path)
    with hold(path) as first:
        first.write("somebody")
        assert is_locked(path)
        assert not FileLock(path).try_acquire()
        assert path.read_text() == "somebody"
        with pytest.raises(RunsFolderError, match=r"a\.lock has been locked by another process for 0 s"):
            hold(path, 0)
    assert not is_locked(path)
    assert path.exists()  # its removal would let two processes lock two files of the same name


def test_a_lock_whose_file_was_removed_guards_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, flock = tmp_path / "a.lock", locks._flock

    def remove_first(fd: int, kind: int, path: Path) -> bool:
        path.unlink()
        return flock(fd, kind, path)

    monkeypatch.setattr(locks, "_flock", remove_first)
    assert not FileLock(path).try_acquire()


def test_a_folder_without_working_locks_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_flock", lambda *_: True)
    with pytest.raises(RunsFolderError, match="file system without working file locks"):
        require_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    require_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []
