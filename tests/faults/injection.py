"""A disk that fails: the k-th write, fsync or rename below a folder goes wrong, in this process.

Files are opened as ever, but for a raw layer that counts. What a real system does is done as well: a write that fails
for want of space has written half, and a power cut takes what was never synced.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXIT = 70
KINDS = (
    "no space",
    "I/O error",
    "sudden exit",
    "power cut",  # what was not synced is gone, renames stay
    "power cut, renames undone",  # and so are renames in folders that were not synced
)
_ERRORS = {"no space": errno.ENOSPC, "I/O error": errno.EIO}


class Disk:
    """Counts operations below `folder`, and makes the `at`-th of them go wrong; 0 is never.

    `only` counts just those on files of that name. `syncs` False: fsync is called, and does nothing. That an operation
    went wrong is told by a file, `mark`, because the process may be gone.
    """

    def __init__(self, folder: Path, at: int, kind: str, mark: Path, only: str = "", syncs: bool = True) -> None:
        self.folder, self.at, self.kind, self.mark, self.only, self.syncs = folder, at, kind, mark, only, syncs
        self.count = 0
        self.synced: dict[tuple[int, int], int] = {}  # bytes of each file that are safe, by device and inode
        self.renames: list[tuple[Path, Path, Path | None]] = []  # since their folder was last synced
        self.real = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "pwrite")}
        self.real_open = io.open

    def install(self) -> None:
        builtins.open = io.open = self.open  # type: ignore[assignment]
        os.fsync, os.pwrite = self.fsync, self.pwrite
        os.replace, os.rename = self.replace, self.rename

    def remove(self) -> None:
        builtins.open = io.open = self.real_open
        for name, function in self.real.items():
            setattr(os, name, function)

    def owns(self, path: str | Path) -> bool:
        return Path(path).is_relative_to(self.folder)

    def tick(self, path: str | Path, before: Callable[[], object] = lambda: None) -> None:
        """Counts one operation; where it is the one, `before` does what is done of it before it goes wrong."""
        if self.only and self.only not in Path(path).name:
            return
        self.count += 1
        if self.count != self.at:
            return
        os.close(os.open(self.mark, os.O_CREAT | os.O_WRONLY))
        if self.kind != "I/O error":
            before()
        if self.kind in _ERRORS:
            raise OSError(_ERRORS[self.kind], os.strerror(_ERRORS[self.kind]), str(path))
        if self.kind.startswith("power cut"):
            self.lose_what_is_not_synced()
        os._exit(EXIT)

    def lose_what_is_not_synced(self) -> None:
        if self.kind.endswith("undone"):
            for source, target, former in reversed(self.renames):
                self.real["rename"](target, source)
                if former:
                    self.real["rename"](former, target)
        for path in self.folder.rglob("*"):
            safe = self.synced.get(_inode(os.stat(path))) if path.is_file() else None
            if safe is not None and os.stat(path).st_size > safe:
                os.truncate(path, safe)

    def open(self, file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **named: Any) -> Any:
        path = os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else os.fspath(file)
        writes = set(mode) & set("wxa+")
        if not writes or isinstance(path, bytes) or not self.owns(path):
            return self.real_open(file, mode, buffering, *rest, **named)
        raw = _CountingFile(file, mode.replace("b", "").replace("t", ""), named.get("closefd", True), self, path)
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding=named.get("encoding") or "utf-8")

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        path = os.readlink(f"/proc/self/fd/{fd}")
        if self.owns(path):
            self.tick(path)
        return int(self.real["pwrite"](fd, data, offset))

    def fsync(self, fd: Any) -> None:
        number = fd if isinstance(fd, int) else fd.fileno()
        path = os.readlink(f"/proc/self/fd/{number}")
        if self.owns(path):
            self.tick(path)
            stat = os.fstat(number)
            if self.syncs and os.path.isdir(path):
                self.renames = [entry for entry in self.renames if entry[1].parent != Path(path)]
            elif self.syncs:
                self.synced[_inode(stat)] = stat.st_size
        self.real["fsync"](number)

    def replace(self, source: Any, target: Any) -> None:
        self._move("replace", source, target)

    def rename(self, source: Any, target: Any) -> None:
        self._move("rename", source, target)

    def _move(self, name: str, source: Any, target: Any) -> None:
        source, target = Path(source), Path(target)
        if self.owns(target):
            self.tick(target)
            former = None
            if target.is_file():
                former = self.mark.with_name(f"{self.mark.name}-former-{len(self.renames)}")
                former.unlink(missing_ok=True)
                os.link(target, former)
            self.renames.append((source, target, former))
        self.real[name](source, target)


class _CountingFile(io.FileIO):
    def __init__(self, file: Any, mode: str, closefd: bool, disk: Disk, path: str) -> None:
        super().__init__(file, mode, closefd)
        self.disk, self.path = disk, path
        stat = os.fstat(self.fileno())
        disk.synced.setdefault(_inode(stat), stat.st_size)
        if stat.st_size == 0:
            disk.synced[_inode(stat)] = 0  # a new file may have got the inode of one that is gone

    def write(self, data: Any) -> int:
        half = bytes(data[: len(data) // 2])
        self.disk.tick(self.path, lambda: super(_CountingFile, self).write(half))
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self.disk.tick(self.path)
        return super().truncate(size)


def _inode(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def break_disk(folder: Path, at: int, kind: str, mark: Path, only: str = "", syncs: bool = True) -> None:
    """For a worker's process, before it begins."""
    Disk(folder, at, kind, mark, only, syncs).install()


@contextmanager
def broken_disk(folder: Path, at: int, kind: str, mark: Path) -> Iterator[Disk]:
    """For this process, for a while."""
    disk = Disk(folder, at, kind, mark)
    disk.install()
    try:
        yield disk
    finally:
        disk.remove()
