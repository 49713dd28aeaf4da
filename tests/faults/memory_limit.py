"""A group of processes that may use little memory, beyond which the kernel kills one of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


class Group:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, pid: int) -> None:
        """From now on what the process takes counts here; what it has counts where it was."""
        (self.folder / "cgroup.procs").write_text(str(pid))


@contextmanager
def limit_memory(num_bytes: int) -> Iterator[Group]:
    """Skips where this process may make no such group (it needs root and Linux' cgroups)."""
    first = (ROOT / "memory").is_dir()  # version 1 has a hierarchy for memory alone
    folder = (ROOT / "memory" if first else ROOT) / f"resnet-lab-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(num_bytes))
        if not first:
            (folder / "memory.swap.max").write_text("0")
    except OSError as error:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip(f"no group with a limit of memory can be made here (needs root): {error.strerror}")
    try:
        yield Group(folder)
    finally:
        for _ in range(100):  # until the killed process is gone
            try:
                folder.rmdir()
            except OSError:
                time.sleep(0.05)
            else:
                break
