"""The engine of this machine as the source of a run's events."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.spec.parse import parse_spec
from core.system.folders import PROJECT
from core.worker.local import DeviceError, set_up_place, set_up_torch
from tests.core.workers import tiny_spec


def test_a_gpu_that_torch_cannot_use_is_named_or_the_processor_taken_with_a_remark(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="cannot use cuda:0"):
        set_up_torch(parse_spec(tiny_spec(device="cuda").model_dump(mode="json")), "cuda:0", runs)
    device, remarks = set_up_torch(tiny_spec(device="auto"), "cuda:0", runs)
    assert device.type == "cpu"
    assert "trains on the CPU" in remarks[0]


def test_a_place_has_the_threads_of_its_run_and_a_gpu_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        assert set_up_place("cpu", 2).type == "cpu"
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="offers a GPU that its torch"):
        set_up_place("cuda:0", 1)


def test_who_waits_for_a_device_has_loaded_neither_torch_nor_numpy() -> None:
    code = "import core.worker.local, sys; print({'torch', 'numpy', 'pydantic'} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"
