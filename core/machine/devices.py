"""The machine's devices: what they are, how busy they are, and how many runs each takes at once; without torch."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from core.machine import queue
from core.system import files
from core.system.folders import runs_folder
from core.system.locks import hold

MAX_SLOTS = queue.MAX_SLOTS


@dataclass(frozen=True)
class Device:
    """A device with its memory in bytes and its use in percent; None if the system does not say."""

    id: str  # as in a spec: cpu, cuda:0, mps
    name: str
    memory_total: int | None
    memory_used: int | None
    utilisation: float | None
    slots: int
    busy_by: tuple[str, ...]  # ids of the runs in its slots, which may have been more


def list_device_ids() -> list[str]:
    """All devices, GPUs first."""
    gpus = [f"cuda:{index}" for index in range(len(_gpu_handles()))]
    apple = ["mps"] if sys.platform == "darwin" and platform.machine() == "arm64" else []
    return [*gpus, *apple, "cpu"]


def list_devices() -> list[Device]:
    """All devices as they are now, GPUs first."""
    return [_describe(device) for device in list_device_ids()]


def _describe(device: str) -> Device:
    slots = queue.count_slots(runs_folder(), device)
    busy_by = tuple(run_id for run_id in queue.read_slots(runs_folder(), device) if run_id is not None)
    return Device(id=device, name=name_device(device), **read_use(device), slots=slots, busy_by=busy_by)


def set_slots(device: str, count: int) -> None:
    """How many runs a device takes at once; runs that train go on. Raises ValueError with a sentence."""
    if device not in list_device_ids():
        raise ValueError(f"This machine has no device {device}.")
    if not 1 <= count <= MAX_SLOTS:
        raise ValueError(f"A device takes 1 to {MAX_SLOTS} runs at once.")
    path = runs_folder() / "settings.json"
    with hold(queue.slots_folder(path.parent) / ".lock"):
        settings = files.find_note(path) or {}
        known = settings.get("slots")
        settings["slots"] = {**(known if isinstance(known, dict) else {}), device: count}
        files.write_json(path, settings)


@cache
def name_device(device: str) -> str:
    """The product name."""
    if device.startswith("cuda"):
        return str(_ask("nvmlDeviceGetName", _gpu_handle(device)) or device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def read_use(device: str) -> dict[str, Any]:
    """Memory in bytes (`memory_total`, `memory_used`) and `utilisation` in percent of the whole device."""
    if device.startswith("cuda"):
        handle = _gpu_handle(device)
        memory, rates = _ask("nvmlDeviceGetMemoryInfo", handle), _ask("nvmlDeviceGetUtilizationRates", handle)
        return {
            "memory_total": int(memory.total) if memory else None,
            "memory_used": int(memory.used) if memory else None,
            "utilisation": float(rates.gpu) if rates else None,
        }
    memory = psutil.virtual_memory()
    return {
        "memory_total": memory.total,
        "memory_used": memory.total - memory.available,
        "utilisation": psutil.cpu_percent(None),
    }


def _gpu_handle(device: str) -> Any:
    handles = _gpu_handles()
    index = int(device.partition(":")[2] or 0)
    return handles[index] if index < len(handles) else None


@cache
def _gpu_handles() -> tuple[Any, ...]:
    """NVML's handles in torch's order: those that CUDA_VISIBLE_DEVICES names, ordered by bus id as in the workers."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        if named is None:
            return tuple(pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except (OSError, pynvml.NVMLError):
        return ()
    handles: list[Any] = []
    for name in (part.strip() for part in named.split(",") if part.strip()):
        try:
            by_index = name.isdigit()
            find = pynvml.nvmlDeviceGetHandleByIndex if by_index else pynvml.nvmlDeviceGetHandleByUUID
            handles.append(find(int(name) if by_index else name))
        except pynvml.NVMLError:
            # CUDA, too, ignores everything from the first unknown name on.
            break
    return tuple(handles)


def _ask(question: str, handle: Any) -> Any:
    """NVML's answer, or None: a MIG instance, for example, has no utilisation."""
    import pynvml

    try:
        return getattr(pynvml, question)(handle) if handle is not None else None
    except pynvml.NVMLError:
        return None
