"""A lock has one holder, and checking it disturbs nobody."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.system import locks
from core.system.locks import FileLock, RunsFolderError, explain_local_locks, hold, is_locked, require_locks


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


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /shared rw,relatime shared:2 - {kind} server:/export rw,vers=3,{option},addr=10.0.0.1
31 30 0:41 / /shared/my\\040disk rw - xfs /dev/sdb rw
32 22 0:42 / /twice rw - {kind} server:/export {option}
33 22 0:43 / /twice rw - ext4 /dev/sdc rw
a line that no kernel writes
"""


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Has /shared on a file system of this kind, mounted with this option."""

    def mount(kind: str, option: str) -> None:
        (tmp_path / "mountinfo").write_text(MOUNTS.format(kind=kind, option=option))
        monkeypatch.setattr(locks, "MOUNTS", tmp_path / "mountinfo")

    return mount


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("nfs", "nolock"),
        ("nfs", "local_lock=all"),
        ("nfs4", "local_lock=flock"),
        ("lustre", "localflock"),
        ("cifs", "nobrl"),
        ("fuse.sshfs", "user_id=0"),
    ],
)
def test_a_file_system_whose_locks_are_each_machines_own_is_told(
    mounted: Callable[[str, str], None], kind: str, option: str
) -> None:
    mounted(kind, option)
    for folder in ("/shared", "/shared/runs"):
        told = explain_local_locks(Path(folder))
        assert told.startswith(kind)
        assert told.endswith("each machine that shares it has locks of its own")
    for folder in ("/home/runs", "/sharedness", "/shared/my disk/runs", "/twice/runs"):
        assert explain_local_locks(Path(folder)) == ""


@pytest.mark.parametrize(
    ("kind", "option"),
    [("nfs", "local_lock=none"), ("nfs", "local_lock=posix"), ("lustre", "flock"), ("ext4", "nolock"), ("tmpfs", "x")],
)
def test_a_file_system_that_shares_its_locks_is_taken(
    mounted: Callable[[str, str], None], kind: str, option: str
) -> None:
    mounted(kind, option)
    assert explain_local_locks(Path("/shared/runs")) == ""


def test_a_runs_folder_on_such_a_file_system_is_refused_with_a_way_out(
    tmp_path: Path, mounted: Callable[[str, str], None]
) -> None:
    mounted("lustre", "localflock")
    locks.MOUNTS.write_text(locks.MOUNTS.read_text().replace("/shared", str(tmp_path)))
    with pytest.raises(RunsFolderError, match=r"lustre mounted with localflock.*Set RESNET_LAB_RUNS"):
        require_locks(tmp_path / "runs")
