"""Data sets and devices on the command line."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from tests.strict_json import strict


def test_data_sets_and_devices_are_listed(core: Callable[..., Result]) -> None:
    listed = strict(core("data", "list", "--json").stdout)
    assert [status["name"] for status in listed] == ["digits", "cifar10", "cifar100"]
    assert strict(core("data", "--json").stdout) == listed
    assert "CIFAR-100" in core("data").stdout
    assert core("devices", "--slots", "cpu=3").exit_code == 0
    devices = strict(core("devices", "--json").stdout)
    assert devices[-1]["id"] == "cpu"
    assert devices[-1]["slots"] == 3


def test_deleting_a_data_set_removes_it_from_the_disk(core: Callable[..., Result], lab_folders: Path) -> None:
    (lab_folders / "data" / "cifar10").mkdir()
    assert core("data", "delete", "cifar10").exit_code == 2
    assert core("data", "delete", "cifar10", "--yes").exit_code == 0
    assert not (lab_folders / "data" / "cifar10").exists()
