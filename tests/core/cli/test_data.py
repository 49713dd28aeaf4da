"""Data sets and devices on the command line."""

import shutil
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from tests.folders import make_folder
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


def test_a_folder_is_checked_before_it_is_trained_on(core: Callable[..., Result], lab_folders: Path) -> None:
    root = make_folder(lab_folders / "images", {"train/cat": 5, "train/dog": 5, "test/cat": 2, "test/dog": 1})
    for path in (root / "train").rglob("00[012].png"):
        shutil.copy(path, root / "test" / "cat" / f"{path.parent.name}-{path.name}")
    (root / "train" / "dog" / "001.png").write_text("no image")
    found = core("data", "check", str(root))
    assert found.exit_code == 1
    assert "train/dog/001.png cannot be decoded" in found.stdout
    assert "test images are in training or validation too, equal in every pixel, " in found.stdout
    assert "    test/cat/dog-002.png = train/dog/002.png (another class)\n" in found.stdout
    report = strict(core("data", "check", str(root), "--set", "data.damaged=leave_out", "--json").stdout)
    assert report["counts"]["test"] == [8, 1]
    assert report["remarks"][0] == "1 damaged image will be left out."
    assert core("data", "check", str(root), "--set", "data.damaged=leave_out").exit_code == 0
    missing = core("data", "check", str(lab_folders / "none"))
    assert missing.exit_code == 1
    assert "There is no folder" in missing.output
