"""The environment that workers are started with."""

from __future__ import annotations

import os
from pathlib import Path

from core.machine.devices import list_device_ids
from core.system.folders import runs_folder

# A training step frees and takes the same tensors again and again. By default the C library gives them back to the
# system each time, and every page of them is a fault at the next step: on a CPU a twentieth of the time.
_MALLOC = ":".join(
    f"glibc.malloc.{name}" for name in ("hugetlb=1", f"mmap_threshold={1 << 32}", f"trim_threshold={1 << 32}")
)


def worker_environment() -> dict[str, str]:
    """What a worker is started with."""
    moved = {
        name: str(Path(os.environ[name]).absolute())
        for name in ("RESNET_LAB_DATA", "RESNET_LAB_IMAGES")
        if os.environ.get(name)
    }
    return {
        **os.environ,
        **moved,
        "RESNET_LAB_RUNS": str(runs_folder()),
        # A waiting worker shall not load NVML to count what is known here.
        "RESNET_LAB_DEVICES": ",".join(list_device_ids()),
        # torch numbers GPUs as NVML does.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "PYTHONUNBUFFERED": "1",
        "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", _MALLOC),
    }
