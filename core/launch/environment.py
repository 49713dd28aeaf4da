"""The environment that workers are started with."""

from __future__ import annotations

import os
from pathlib import Path

from core.machine.devices import list_device_ids
from core.system.folders import runs_folder

# Each training step frees and allocates the same tensors. By default the C library returns them to the system each
# time, and every page of them faults at the next step: 5% of the time on a CPU.
_MALLOC = ":".join(
    f"glibc.malloc.{name}" for name in ("hugetlb=1", f"mmap_threshold={1 << 32}", f"trim_threshold={1 << 32}")
)


def allocator_environment(*, one_arena: bool = False) -> dict[str, str]:
    """How the C library keeps memory in processes that train; it is read when such a process starts.

    A thread that is not a process's first has an arena of its own, which gives memory back whatever is set here.
    With `one_arena` it shares that of the first.
    """
    tunables = _MALLOC + (":glibc.malloc.arena_max=1" if one_arena else "")
    return {"GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", tunables)}


def worker_environment() -> dict[str, str]:
    """All that a worker on this machine is started with."""
    moved = {
        name: str(Path(os.environ[name]).absolute())
        for name in ("RESNET_LAB_DATA", "RESNET_LAB_IMAGES")
        if os.environ.get(name)
    }
    return {
        **os.environ,
        **allocator_environment(),
        **moved,
        "RESNET_LAB_RUNS": str(runs_folder()),
        # So that a waiting worker need not load NVML to count them.
        "RESNET_LAB_DEVICES": ",".join(list_device_ids()),
        # torch numbers GPUs as NVML does.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "PYTHONUNBUFFERED": "1",
    }
