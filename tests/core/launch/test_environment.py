"""Workers find the same folders and devices as whoever started them, wherever they run."""

from pathlib import Path

import pytest

from core.launch.environment import allocator_environment, worker_environment
from core.machine.devices import list_device_ids


def test_folders_are_absolute_and_a_persons_own_settings_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RUNS", "DATA", "IMAGES"):
        monkeypatch.setenv(f"RESNET_LAB_{name}", name.lower())
    monkeypatch.setenv("GLIBC_TUNABLES", "mine")
    environment = worker_environment()
    for name in ("RUNS", "DATA", "IMAGES"):
        assert environment[f"RESNET_LAB_{name}"] == str(tmp_path / name.lower())
    assert environment["RESNET_LAB_DEVICES"] == ",".join(list_device_ids())
    assert environment["GLIBC_TUNABLES"] == "mine"
    monkeypatch.delenv("GLIBC_TUNABLES")
    assert "glibc.malloc" in worker_environment()["GLIBC_TUNABLES"]


def test_threads_of_a_node_share_one_arena_but_for_a_persons_own_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    ours = allocator_environment()["GLIBC_TUNABLES"]
    assert allocator_environment(one_arena=True)["GLIBC_TUNABLES"] == f"{ours}:glibc.malloc.arena_max=1"
    monkeypatch.setenv("GLIBC_TUNABLES", "mine")
    assert allocator_environment(one_arena=True) == {"GLIBC_TUNABLES": "mine"}
