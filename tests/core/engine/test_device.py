"""A run computes on the device and in the precision that its spec names, or is refused."""

import psutil
import pytest
import torch

from core.engine import device as device_module
from core.engine.device import name_device, peak_memory, pick_device, pick_precision, pick_threads

CPU = torch.device("cpu")


def test_auto_is_the_first_gpu_else_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for has_gpu, expected in ((True, torch.device("cuda", 0)), (False, CPU)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda has_gpu=has_gpu: has_gpu)
        assert pick_device("auto") == expected


def test_a_device_that_this_machine_lacks_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda") == torch.device("cuda", 0)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match=r"train.device = cuda:2: this machine shows 2 CUDA devices"):
        pick_device("cuda:2")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"train.device = mps"):
        pick_device("mps")


@pytest.mark.parametrize("native", [True, False])
def test_auto_computes_in_bfloat16_only_if_it_is_native(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_cpu_capabilities", lambda: {"amx_bf16": native})
    assert pick_precision("auto", CPU) == (torch.bfloat16 if native else torch.float32)
    assert pick_precision("bfloat16", CPU) == torch.bfloat16
    assert pick_precision("float32", CPU) == torch.float32


def test_an_unknown_precision_is_refused_instead_of_taken_for_float32() -> None:
    with pytest.raises(KeyError, match="float16"):
        pick_precision("float16", CPU)  # type: ignore[arg-type]


def test_runs_that_share_the_cpu_share_its_cores_and_each_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_MOST_THREADS", 12)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 16 if logical else 8)
    assert [pick_threads(runs) for runs in (1, 2, 3, 20)] == [8, 4, 2, 1]


def test_a_peak_of_memory_never_falls_and_a_cpu_has_a_name() -> None:
    before = peak_memory(CPU)
    block = bytearray(50_000_000)
    after = peak_memory(CPU)
    del block
    assert before <= after <= peak_memory(CPU)
    assert after >= psutil.Process().memory_info().rss / 2
    assert name_device(CPU)
