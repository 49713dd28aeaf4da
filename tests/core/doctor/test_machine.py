"""A device that waits is told by its samples, the first of which is of the start."""

from dataclasses import replace

import numpy as np

from core.doctor.machine import lack_use, see_idle
from core.doctor.observed import Observed
from tests.core.doctor.watched import recorded, watch


def using(percent: list[float], device: str = "cpu") -> Observed:
    name = "system/gpu_percent" if device.startswith("cuda") else "system/cpu_percent"
    use = {"seconds": np.arange(1.0, len(percent) + 1), name: np.array(percent, np.float64)}
    use["system/cpu_wait_percent"] = np.zeros(len(percent))
    return replace(watch(), use=use, environment={"device": device})


def test_a_waiting_device_is_told_with_its_share() -> None:
    found = see_idle(using([100, 20, 25, 30, 23]))
    assert found is not None
    assert "busy for 24 % of the time, of one core that was free" in found.evidence
    assert found.fixes == ()
    assert see_idle(using([5, 95, 97, 99])) is None


def test_a_core_that_other_programs_have_is_not_idle() -> None:
    observed = using([20, 20, 20, 20])
    waits = {"system/cpu_wait_percent": np.array([78.0, 78, 78, 78])}
    assert see_idle(observed) is not None
    assert see_idle(replace(observed, use={**observed.use, **waits})) is None
    unknown = {key: values for key, values in observed.use.items() if key != "system/cpu_wait_percent"}
    assert see_idle(replace(observed, use=unknown)) is None
    assert "other programs" in lack_use(replace(observed, use=unknown))


def test_a_gpu_that_waits_may_get_larger_batches() -> None:
    found = see_idle(using([0, 10, 12, 14], "cuda:0"))
    assert found is not None
    assert found.fixes[0].values == {"train.batch_size": 512}
    assert see_idle(using([0, 80, 90, 85], "cuda:0")) is None


def test_too_few_samples_are_none() -> None:
    assert lack_use(using([10, 10]))
    assert lack_use(watch())
    assert not lack_use(using([10, 10, 10, 10]))
    assert see_idle(watch()) is None


def test_recorded_trainings_are_seen() -> None:
    assert all(see_idle(recording.observed) for recording in recorded("idle"))
