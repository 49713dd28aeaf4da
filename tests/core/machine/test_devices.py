"""Devices are counted without torch, numbered as torch numbers them, and set to take as many runs as one says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from core.machine import devices, queue
from core.machine.devices import list_device_ids, list_devices, set_slots
from core.system.locks import FileLock


class FakeNvml(ModuleType):
    """A machine with two GPUs; the second tells nothing of its use, as a part of a divided one."""

    class NVMLError(Exception):
        pass

    def __init__(self, works: bool = True) -> None:
        super().__init__("pynvml")
        self.works = works

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.works:
            raise self.NVMLError("no driver")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, place: int) -> str:  # noqa: N802
        if place > 1:
            raise self.NVMLError("no such device")
        return f"GPU-{place}"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid not in ("GPU-0", "GPU-1"):
            raise self.NVMLError("no such device")
        return uuid

    def nvmlDeviceGetName(self, handle: str) -> str:  # noqa: N802
        return f"Fake {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=8 << 30, used=1 << 30)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:  # noqa: N802
        if handle == "GPU-1":
            raise self.NVMLError("not supported")
        return SimpleNamespace(gpu=37)


@pytest.fixture(autouse=True)
def forget_devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for cached in (devices._gpu_handles, devices.name_device):
        cached.cache_clear()
    yield
    for cached in (devices._gpu_handles, devices.name_device):
        cached.cache_clear()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())


def test_a_machine_whose_driver_does_not_answer_has_a_cpu(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(works=False))
    (cpu,) = list_devices()
    assert (cpu.id, cpu.slots, cpu.busy_by) == ("cpu", 1, ())
    assert cpu.name
    assert 0 < cpu.memory_used < cpu.memory_total


def test_gpus_come_before_the_cpu_with_what_they_tell(runs: Path, two_gpus: None) -> None:
    first, second, cpu = list_devices()
    assert (first.id, first.name, first.memory_total, first.utilisation) == ("cuda:0", "Fake GPU-0", 8 << 30, 37.0)
    assert (second.id, second.utilisation) == ("cuda:1", None)
    assert cpu.id == "cpu"


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("", []),
        ("-1", []),
        ("1", ["Fake GPU-1"]),
        ("1,0", ["Fake GPU-1", "Fake GPU-0"]),
        ("GPU-1", ["Fake GPU-1"]),
        ("0,7,1", ["Fake GPU-0"]),
    ],
)
def test_only_visible_gpus_count_in_the_order_in_which_they_are_named(
    runs: Path, two_gpus: None, monkeypatch: pytest.MonkeyPatch, visible: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [device.name for device in list_devices()[:-1]] == names


def test_slots_are_set_for_one_device_and_tell_who_is_in_them(runs: Path, two_gpus: None) -> None:
    set_slots("cuda:1", 3)
    set_slots("cpu", 2)
    assert [device.slots for device in list_devices()] == [1, 3, 2]
    with FileLock(queue.slot_path(runs, "cuda:1", 2)) as lock:
        assert lock.try_acquire()
        lock.write("a run")
        assert [device.busy_by for device in list_devices()] == [(), ("a run",), ()]
    assert list_devices()[1].busy_by == ()


@pytest.mark.parametrize(("device", "count"), [("cuda:9", 1), ("cpu", 0), ("cpu", 65)])
def test_slots_that_make_no_sense_are_refused(runs: Path, device: str, count: int) -> None:
    with pytest.raises(ValueError, match="device"):
        set_slots(device, count)
    assert not (runs / "settings.json").exists()


@pytest.mark.cuda
def test_torch_counts_the_same_gpus() -> None:
    if list_device_ids() == ["cpu"]:
        pytest.skip("no CUDA device on this machine")
    import torch

    assert len(list_device_ids()) - 1 == torch.cuda.device_count()
