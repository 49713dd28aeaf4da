"""Rules about the machine: whether it is kept waiting."""

from __future__ import annotations

import numpy as np

from core.doctor.observed import FloatArray, Observed
from core.doctor.rule import Fix, Found

SAMPLES = 3
IDLE_GPU, IDLE_CPU = 40.0, 50.0  # percent; of one core on a CPU


def lack_use(observed: Observed) -> str:
    found = _pick(observed)
    if found is None:
        return "needs samples of the use of the device, and of how long other programs had it"
    return "" if len(found[1]) >= SAMPLES else f"needs {SAMPLES} samples of the use of the device"


def _pick(observed: Observed) -> tuple[str, FloatArray, float] | None:
    """The use of what trains, in percent, (samples,), what it is called and below what it idles."""
    on_gpu = str(observed.environment.get("device") or "").startswith("cuda")
    if on_gpu:
        title, least, values = "GPU", IDLE_GPU, observed.use.get("system/gpu_percent")
    else:
        title, least, values = "processor", IDLE_CPU, _read_cpu(observed)
    known = None if values is None else values[np.isfinite(values)]
    # The first sample is of the start, when images are read and memory is taken.
    return None if known is None or not len(known) else (title, known[1:], least)


def _read_cpu(observed: Observed) -> FloatArray | None:
    """Of one core, in the time in which other programs left it one: a busy machine must not look like an idle run."""
    busy, waits = observed.use.get("system/cpu_percent"), observed.use.get("system/cpu_wait_percent")
    if busy is None or waits is None:
        return None
    return np.asarray(100 * busy / np.maximum(100 - np.nan_to_num(waits), 1))


def see_idle(observed: Observed) -> Found | None:
    """What trains has nothing to do for most of the time."""
    found = _pick(observed)
    if found is None:
        return None
    title, values, least = found
    if len(values) < SAMPLES or np.median(values) >= least:
        return None
    of = "" if title == "GPU" else ", of one core that was free"
    middle, most = np.median(values), np.quantile(values, 0.9)
    told = (
        f"In half of {len(values)} samples the {title} was busy for {middle:.0f} % of the time{of}, or less; in the "
        f"busiest tenth for {most:.0f} %."
    )
    train = observed.spec.train
    larger = Fix({"train.batch_size": min(16_384, 4 * train.batch_size)})
    return Found(told, (), (larger,) if title == "GPU" else ())
