"""Locks exclude others and end with their holder; notes are read whole or not at all; temporary folders go."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from core.data import store
from core.data.store import DataError, folder_bytes, is_held, lock_for, temporary_folder, try_lock
from core.system.locks import RunsFolderError


def test_a_lock_excludes_others_until_it_is_released(lab_folders: Path) -> None:
    assert not is_held("thing")
    with lock_for("thing"):
        assert is_held("thing")
        assert try_lock("thing") is None
        assert try_lock("other") is not None
    assert not is_held("thing")
    assert try_lock("thing") is not None


def test_a_killed_holder_leaves_no_lock_behind(lab_folders: Path) -> None:
    child = os.fork()
    if not child:
        lock = lock_for("thing")  # kept until the process ends
        os.kill(os.getpid(), 9)
        lock.release()
    os.waitpid(child, 0)
    assert not is_held("thing")
    with lock_for("thing"):
        pass


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (RunsFolderError("no locks there"), "without working file locks; set RESNET_LAB_DATA to a folder on a local"),
        (OSError(28, "No space left on device"), "cannot be written: No space left on device"),
    ],
)
def test_a_lock_that_cannot_be_taken_is_a_sentence(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, sentence: str
) -> None:
    def refuse(*_: object) -> bool:
        raise trouble

    monkeypatch.setattr(store.FileLock, "acquire", refuse)
    with pytest.raises(DataError, match=sentence):
        lock_for("thing")


def test_a_temporary_folder_begins_empty_and_is_gone_afterwards(lab_folders: Path) -> None:
    left = store.work_folder() / "thing.part"
    left.mkdir()
    (left / "half").write_text("x")
    with suppress(ZeroDivisionError), temporary_folder("thing") as folder:
        assert folder == left
        assert not list(folder.iterdir())
        (folder / "more").write_text("x")
        raise ZeroDivisionError
    assert not left.exists()


def test_the_bytes_of_a_folder_are_those_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "inner" / "b").write_bytes(b"123")
    assert folder_bytes(tmp_path) == 8
    assert folder_bytes(tmp_path / "gone") == 0
