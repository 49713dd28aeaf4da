"""File locks that the operating system frees however their holder ends.

Waiting workers import this, so it stays small: `filelock` alone costs a waiter 8 MB, and is only used where the
system has no `flock` (Windows).
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from pathlib import Path

from core.system.errors import LabError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MOUNTS = Path("/proc/self/mountinfo")
# Options that make the locks of a file system those of each machine alone, though all of them see its files.
_NFS = frozenset({"nolock", "local_lock=all", "local_lock=flock"})
_LOCAL_LOCKS = {
    "nfs": _NFS,
    "nfs4": _NFS,
    "lustre": frozenset({"localflock"}),
    "ocfs2": frozenset({"localflocks"}),
    "gfs2": frozenset({"localflocks"}),
    "cifs": frozenset({"nobrl"}),
    "smb3": frozenset({"nobrl"}),
}
_WITHOUT_LOCKS = frozenset({"fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone"})

_BUSY = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK}
_checked: set[str] = set()


class RunsFolderError(LabError):
    """The runs folder cannot be used."""


class FileLock:
    """An exclusive lock on a file, held until `release` or the end of the process.

    Keep a reference: a lock that is collected is released. The file stays, unless its holder removes it as its last
    act: who waits for it then makes a new one, as a removed file guards nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._other: object = None

    def try_acquire(self) -> bool:
        """Whether the lock is now held. Raises FileNotFoundError if its folder is gone, RunsFolderError."""
        if fcntl is None:
            return self._try_filelock()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
        try:
            held = _flock(fd, fcntl.LOCK_EX, self.path)
            # A file that was moved or removed meanwhile no longer guards this name.
            if held and os.fstat(fd).st_nlink > 0:
                self._fd = fd
                return True
        finally:
            if self._fd != fd:
                os.close(fd)
        return False

    def acquire(self, seconds: float) -> bool:
        """Tries for some seconds: checking whether a lock is held takes it for a moment."""
        end = time.monotonic() + seconds
        while not self.try_acquire():
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)
        return True

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._other is not None:
            self._other.release()  # type: ignore[attr-defined]
            self._other = None

    def write(self, text: str) -> None:
        """Writes into the locked file who holds it; only meaningful while it is held."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text.encode(), 0)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _try_filelock(self) -> bool:
        import filelock

        lock = filelock.FileLock(self.path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        self._other = lock
        return True


def hold(path: Path, seconds: float = 30.0) -> FileLock:
    """The lock, held; for a `with` statement. Raises RunsFolderError if it stays taken."""
    lock = FileLock(path)
    if not lock.acquire(seconds):
        raise RunsFolderError(f"{path} has been locked by another process for {seconds:.0f} s. Try again.")
    return lock


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock. Checks share it, so two of them never take each other for a holder."""
    if fcntl is None:
        lock = FileLock(path)
        held = path.exists() and not lock.try_acquire()
        lock.release()
        return held
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe of that name would not answer
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _flock(fd, fcntl.LOCK_SH, path)
    finally:
        os.close(fd)


def _flock(fd: int, kind: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise no_locks(path.parent, error.strerror or str(error)) from error
    return True


def no_locks(folder: Path, detail: str) -> RunsFolderError:
    return RunsFolderError(
        f"{folder} is on a file system without working file locks ({detail}), so a running run cannot be told from "
        "a dead one. Set RESNET_LAB_RUNS to a folder on a local disk."
    )


def require_locks(folder: Path) -> None:
    """Tries the folder's locks once per process. Raises RunsFolderError if they do not exclude a second holder.

    One on another machine cannot be tried from here; there the file system's own word is taken.
    """
    if str(folder) in _checked:
        return
    if detail := explain_local_locks(folder):
        raise no_locks(folder, detail)
    path = folder / f".lock-check-{os.getpid()}-{threading.get_ident()}"
    try:
        with FileLock(path) as first, FileLock(path) as second:
            if not first.try_acquire() or second.try_acquire():
                raise no_locks(folder, "two processes got the same lock")
    finally:
        path.unlink(missing_ok=True)
    _checked.add(str(folder))


def explain_local_locks(folder: Path) -> str:
    """Why locks in a folder are those of this machine alone, though others may share it; empty if nothing says so."""
    kind, options = _find_mount(os.path.realpath(folder))
    found = options & _LOCAL_LOCKS.get(kind, frozenset())
    if not found and kind not in _WITHOUT_LOCKS:
        return ""
    how = f"{kind} mounted with {min(found)}" if found else kind
    return f"{how}: each machine that shares it has locks of its own"


def _find_mount(path: str) -> tuple[str, set[str]]:
    """Type and options of the file system that holds a path; empty if the system does not report them."""
    best, kind, options = "", "", set[str]()
    try:
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return kind, options
    for line in lines:
        # Documented in proc(5): id, parent, device, root, mount point, options, optional fields, "-", type, source,
        # options of the file system.
        before, _, after = line.partition(" - ")
        mount, rest = before.split()[4:6], after.split()
        if len(mount) < 2 or not rest:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), mount[0])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # Of two at the same place the later one hides the other.
        if inside and len(point) >= len(best):
            best, kind, options = point, rest[0], {*mount[1].split(","), *rest[-1].split(",")}
    return kind, options
