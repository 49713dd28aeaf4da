"""The device of a run: which one, its name, its precision and its threads."""

from __future__ import annotations

import platform

import psutil
import torch

from core.spec import Precision

# torch's own choice: OMP_NUM_THREADS if it is set, else the cores that this process may use.
_MOST_THREADS = torch.get_num_threads()


def pick_device(name: str) -> torch.device:
    """The device a spec names: `auto` is the first GPU, else the CPU. Raises ValueError if this machine lacks it."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"train.device = {name}: this machine shows {torch.cuda.device_count()} CUDA devices")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"train.device = {name}: this machine has no Apple GPU that torch can use")
    return torch.device("cuda", 0) if name == "cuda" else device


def name_device(device: torch.device) -> str:
    """What the maker calls it, as "NVIDIA H200" or "AMD EPYC"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(_cpu_capabilities().get("cpu_name") or platform.processor() or platform.machine())


def pick_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The type the network computes in; `auto` is bfloat16 only if the device has instructions for it."""
    named = {"bfloat16": torch.bfloat16, "float32": torch.float32}
    if precision == "auto":
        return named["bfloat16" if computes_in_bfloat16(device) else "float32"]
    return named[precision]


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is native; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        found = _cpu_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return False


def _cpu_capabilities() -> dict[str, object]:
    if hasattr(torch.cpu, "get_capabilities"):
        return dict(torch.cpu.get_capabilities())
    # Older releases have the same under private names.
    return {"avx512_bf16": torch.cpu._is_avx512_bf16_supported(), "amx_bf16": torch.cpu._is_amx_tile_supported()}


def peak_memory(device: torch.device) -> int:
    """The most bytes that this process has held: of the GPU if it computes on one, else of the machine."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    try:
        import resource
    except ImportError:  # Windows
        return int(psutil.Process().memory_info()._asdict()["peak_wset"])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if platform.system() == "Darwin" else 1024 * most


def most_threads() -> int:
    """Threads of the CPU that this process may use at most."""
    return _MOST_THREADS


def pick_threads(num_runs: int = 1) -> int:
    """Threads for one of `num_runs` trainings that share the CPU: the real cores, divided.

    More threads than free cores wait for each other at every operation and lose three- to tenfold. The load of the
    moment does not count: another number of threads rounds sums differently, and a run would not repeat.
    """
    cores = min(_MOST_THREADS, psutil.cpu_count(logical=False) or _MOST_THREADS)
    return max(1, cores // max(1, num_runs))
