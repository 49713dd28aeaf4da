"""A folder of images, one folder a class, directly or inside train/ and test/: what it holds, or what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.datafiles import DataError

SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"])


@dataclass(frozen=True)
class FolderStatus:
    """What a folder holds; `num_test` is nothing where the test images are to be split off."""

    classes: tuple[str, ...]
    num_train: int
    num_test: int | None
    class_counts: tuple[int, ...]  # of the training images


class ImageFile(NamedTuple):
    """One image: its path below the folder, its class, and what tells that it has changed."""

    path: str
    label: int
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class FolderListing:
    """All images of a folder, sorted by class and path; `test` is nothing where it is to be split off."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[ImageFile, ...]
    test: tuple[ImageFile, ...] | None

    @property
    def files(self) -> tuple[ImageFile, ...]:
        return self.train + (self.test or ())


_inspected: dict[Path, tuple[dict[str, int], FolderStatus]] = {}


def inspect_folder(path: str) -> FolderStatus:
    """Counts the classes and images; repeated calls only look whether a folder has changed. Raises `DataError`."""
    root = _resolve(path)
    known = _inspected.get(root)
    if known and all(_mtime(folder) == before for folder, before in known[0].items()):
        return known[1]
    folders = {str(root): _mtime(str(root))}
    parts = _read_classes(root, folders)
    counts = tuple(len(files) for files in parts["train"].values())
    num_test = sum(len(files) for files in parts["test"].values()) if "test" in parts else None
    status = FolderStatus(tuple(parts["train"]), sum(counts), num_test, counts)
    _inspected[root] = (folders, status)
    return status


def list_images(path: str) -> FolderListing:
    """Every image with its size and time of change. Raises `DataError`."""
    root = _resolve(path)
    parts = _read_classes(root, {})
    classes = tuple(parts["train"])
    listed = {
        part: tuple(
            _describe(root, entry, classes.index(name)) for name, entries in content.items() for entry in entries
        )
        for part, content in parts.items()
    }
    return FolderListing(root, classes, listed["train"], listed.get("test"))


def _describe(root: Path, entry: os.DirEntry[str], label: int) -> ImageFile:
    try:
        stat = entry.stat()
    except OSError as error:
        raise DataError(f"The image {entry.path} cannot be read: {error.strerror}.") from error
    return ImageFile(entry.path[len(str(root)) + 1 :], label, stat.st_size, stat.st_mtime_ns)


def _resolve(path: str) -> Path:
    if not path.strip():
        raise DataError("Name the folder that holds the images.")
    root = Path(path.strip()).expanduser().absolute()
    if not root.exists():
        raise DataError(f"There is no folder {root}.")
    if not root.is_dir():
        raise DataError(f"{root} is a file; name the folder that holds the class folders.")
    return root


def _mtime(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return -1


def _read_classes(root: Path, folders: dict[str, int]) -> dict[str, dict[str, list[os.DirEntry[str]]]]:
    """`{"train": {class: entries}, "test": ...}`; every folder that was read is added to `folders` with its time."""
    names = {entry.name for entry in _scan(root, folders) if entry.is_dir()}
    if "train" in names and "test" not in names and names & {"val", "valid", "validation"}:
        raise DataError(f"{root} holds train/ but no test/; rename the folder that is to be the test set to test/.")
    train = _read_part(root / "train" if "train" in names else root, folders)
    if len(train) < 2:
        found = f"only the class folder {next(iter(train))}" if train else "no class folders"
        raise DataError(f"{root} holds {found}; two or more are needed, one folder a class.")
    for name, entries in train.items():
        if not entries:
            raise DataError(f"The class folder {name} in {root} holds no images ({', '.join(sorted(SUFFIXES))}).")
    if not names >= {"train", "test"}:
        return {"train": train}
    test = _read_part(root / "test", folders)
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise DataError(f"{root / 'test'} holds the class {unknown[0]}, which has no folder in train/.")
    if not any(test.values()):
        raise DataError(f"{root / 'test'} holds no images.")
    return {"train": train, "test": test}


def _read_part(folder: Path, folders: dict[str, int]) -> dict[str, list[os.DirEntry[str]]]:
    classes = sorted((entry for entry in _scan(folder, folders) if entry.is_dir()), key=lambda entry: entry.name)
    return {entry.name: sorted(_walk(entry.path, folders), key=lambda image: image.path) for entry in classes}


def _walk(folder: str, folders: dict[str, int]) -> Iterator[os.DirEntry[str]]:
    for entry in _scan(folder, folders):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, folders)
        elif entry.name[entry.name.rfind(".") :].lower() in SUFFIXES:
            yield entry


def _scan(folder: str | Path, folders: dict[str, int]) -> list[os.DirEntry[str]]:
    """What a folder holds, without hidden files."""
    # The time is taken before reading: a file that arrives meanwhile then shows as a change.
    folders[str(folder)] = _mtime(str(folder))
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}.") from error
