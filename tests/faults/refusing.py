"""A folder that takes no change: its disk is full, read-only, or belongs to somebody else."""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# On a full disk nothing new is taken, but names may be changed and removed.
OF_NAMES = ("rename", "replace", "unlink", "remove", "rmdir", "utime")
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def refuse_changes(monkeypatch: pytest.MonkeyPatch, folder: Path, code: int) -> None:
    """From now on every change below the folder fails as the system would have it fail, in this process."""

    def refuse(path: Any) -> None:
        if Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(code, os.strerror(code), os.fspath(path))

    def guard(function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Any, *arguments: Any, **named: Any) -> Any:
            if named.get("dir_fd") is None and not isinstance(path, int):
                refuse(path)
            return function(path, *arguments, **named)

        return guarded

    real_open, real_os_open = builtins.open, os.open

    def open_file(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if not isinstance(file, int) and set(mode) & set("wxa+"):
            refuse(file)
        return real_open(file, mode, *arguments, **named)

    def open_descriptor(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if named.get("dir_fd") is None and flags & CHANGES and not (code == errno.ENOSPC and os.path.exists(path)):
            refuse(path)
        return real_os_open(path, flags, *arguments, **named)

    monkeypatch.setattr(builtins, "open", open_file)
    monkeypatch.setattr(io, "open", open_file)
    monkeypatch.setattr(os, "open", open_descriptor)
    monkeypatch.setattr(os, "mkdir", guard(os.mkdir))
    for name in () if code == errno.ENOSPC else OF_NAMES:
        monkeypatch.setattr(os, name, guard(getattr(os, name)))
