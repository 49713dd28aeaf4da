"""Data sets and devices on the command line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.cli.data import tell_suspects
from core.data.bring import sets_folder
from core.runs.listing import list_runs
from core.spec import DataSpec
from tests.core.data.test_bring import make_zip, photographs
from tests.folders import make_folder
from tests.strict_json import strict


def test_data_sets_and_devices_are_listed(core: Callable[..., Result]) -> None:
    listed = strict(core("data", "list", "--json").stdout)
    assert [status["name"] for status in listed] == ["digits", "cifar10", "cifar100", "fashionmnist", "svhn"]
    assert strict(core("data", "--json").stdout) == listed
    assert "CIFAR-100" in core("data").stdout
    assert core("devices", "--slots", "cpu=3").exit_code == 0
    devices = strict(core("devices", "--json").stdout)
    assert devices[-1]["id"] == "cpu"
    assert devices[-1]["slots"] == 3


def test_deleting_a_data_set_removes_it_from_the_disk(core: Callable[..., Result], lab_folders: Path) -> None:
    (lab_folders / "data" / "cifar10").mkdir()
    assert core("data", "delete", "cifar10").exit_code == 2
    assert "cifar10 is deleted." in core("data", "delete", "cifar10", "--yes").output
    assert not (lab_folders / "data" / "cifar10").exists()
    assert "cifar10 is not on this machine." in core("data", "delete", "cifar10", "--yes").output


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


def test_a_training_tells_what_build_would_and_refuses_what_cannot_start(
    core: Callable[..., Result], lab_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_folder(lab_folders / "images", {"train/cat": 9, "train/dog": 9, "test/cat": 3, "test/dog": 3})
    for path in (root / "test" / "dog").iterdir():
        path.unlink()
    settings = [f"--set=data.{setting}" for setting in ("dataset=folder", f"folder={root}", "folder_classes=2")]
    tell_suspects(DataSpec(dataset="folder", folder=str(root), folder_classes=2))
    assert "No test images of dog." in capsys.readouterr().err
    (root / "train" / "dog" / "001.png").write_text("no image")
    refused = core("train", "--preset", "first-look", *settings, "--detach")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "train/dog/001.png cannot be decoded" in refused.stderr
    assert list_runs() == []


def test_an_image_folder_is_shown_with_its_parts_classes_and_what_is_left_out(
    core: Callable[..., Result], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", {f"{part}/{name}": 2 for part in ("Train", "Val") for name in ("cat", "dog")})
    make_folder(root, {"test": 3})
    (root / "Train" / "cat" / "notes.txt").touch()
    shown = strict(core("data", "folder", str(root), "--json").stdout)
    assert shown["classes"] == ["cat", "dog"]
    assert (shown["class_counts"], shown["val_counts"], shown["test_counts"]) == ([2, 2], [2, 2], None)
    assert {left["reason"]: left["number"] for left in shown["left_out"]} == {
        **{".txt files": 1, "images in test/ without class folders: unlabelled, so not used": 3}
    }
    told = core("data", "folder", str(root)).stdout
    for words in ("cat", "Val/", "split off", "unlabelled, so not used", "Train/cat/notes.txt"):
        assert words in told


def test_a_folder_whose_parts_are_not_clear_is_a_question_with_its_answers(
    core: Callable[..., Result], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", {"images": 2, "labels": 2})
    refused = core("data", "folder", str(root))
    assert refused.exit_code == 2
    assert "Set data.folder_parts to one of: classes (every folder is a class: images, labels)." in refused.stderr
    assert core("data", "folder", str(root), "--parts", "classes").exit_code == 0


def test_a_file_becomes_a_set_that_a_training_can_name(core: Callable[..., Result], lab_folders: Path) -> None:
    path = lab_folders / "my photos.zip"
    path.write_bytes(make_zip(photographs()).getvalue())
    done = core("data", "bring", str(path))
    assert (done.exit_code, done.stdout) == (0, f"{sets_folder() / 'my photos'}\n")
    again = core("data", "bring", str(path))
    assert again.exit_code != 0
    assert "There is a set my photos already" in again.stderr
    assert "cannot be read: No such file" in core("data", "bring", "gone.zip").stderr
