"""Memory that a process may still take: what the machine has free, within the limits of its control groups.

psutil knows the machine alone; a container, a service or a Slurm job may be allowed less.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
# Of the unified hierarchy, and of the memory hierarchy of version 1.
_UNIFIED = ("memory.max", "memory.current")
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


def available_memory() -> int:
    """Bytes, without swap."""
    return max(0, min([int(psutil.virtual_memory().available), *_list_rooms()]))


def _list_rooms() -> Iterator[int]:
    """Bytes below each limit of this process's control group and of those around it."""
    with suppress(OSError):
        for line in GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from _rooms_below(MOUNT, path, _UNIFIED)
            elif "memory" in controllers.split(","):
                yield from _rooms_below(MOUNT / "memory", path, _VERSION_1)


def _rooms_below(mount: Path, path: str, names: tuple[str, str]) -> Iterator[int]:
    inside = Path(path.lstrip("/"))
    for part in (inside, *inside.parents):
        # A group without a limit says "max", and one that a container does not show has no files.
        with suppress(OSError, ValueError):
            limit, used = (int((mount / part / name).read_text()) for name in names)
            yield limit - used + _reclaimable(mount / part)


def _reclaimable(group: Path) -> int:
    """Cached files that nobody uses: they count as used, and make room when memory is asked for."""
    fields = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))
