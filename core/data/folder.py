"""A folder of images, one folder a class, directly or inside train/ and test/: what it holds, or what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.data.store import DataError
from core.system.gc_pause import Paused
from core.system.names import canonical

SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"])
# Folders below which images may be read, with the system's separator; without it all that this process can read.
ROOTS = "RESNET_LAB_IMAGE_ROOTS"


@dataclass(frozen=True)
class FolderStatus:
    """What a folder holds; `num_test` is None if the test images are to be split off."""

    classes: tuple[str, ...]
    num_train: int
    num_test: int | None
    class_counts: tuple[int, ...]  # of the training images


class ImageFile(NamedTuple):
    """One image: its path below the folder, its class, and what shows that it has changed."""

    path: str
    label: int
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class FolderListing:
    """All images of a folder, sorted by class and path; `test` is None if it is to be split off."""

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
    with Paused():
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
        stat = os.stat(entry.path)  # not entry.stat(), which the entry would keep: half a kilobyte each
    except OSError as error:
        raise DataError(f"The image {entry.path} cannot be read: {error.strerror}.") from error
    return ImageFile(entry.path[len(str(root)) + 1 :], label, stat.st_size, stat.st_mtime_ns)


def _resolve(path: str) -> Path:
    if not path.strip():
        raise DataError("Name the folder that holds the images.")
    try:
        root = Path(path.strip()).expanduser().absolute()
        # Checked first, so that no message reveals whether a folder elsewhere exists.
        _require_allowed(root)
        if not root.exists():
            raise DataError(f"There is no folder {root}.")
        if not root.is_dir():
            raise DataError(f"{root} is a file; name the folder that holds the class folders.")
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null character, an unknown home
        raise DataError(f"There is no folder {path.strip()[:200]}.") from error
    return root


def _require_allowed(path: str | Path) -> None:
    """Raises `DataError` for a path that is, or links to, outside the folders that images may be read from."""
    named = os.environ.get(ROOTS, "").split(os.pathsep)
    roots = [os.path.realpath(os.path.expanduser(part)) for part in named if part.strip()]
    real = os.path.realpath(path)
    if roots and not any(real == root or real.startswith(os.path.join(root, "")) for root in roots):
        raise DataError(f"{path} is not below {' or '.join(roots)}: image folders are read only from there.")


def _mtime(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return -1


def _read_classes(root: Path, folders: dict[str, int]) -> dict[str, dict[str, list[os.DirEntry[str]]]]:
    """`{"train": {class: entries}, "test": ...}`; every folder that was read is added to `folders` with its time."""
    names = {entry.name for entry in _scan(root, folders) if entry.is_dir()}
    if "train" in names and "test" not in names and names & {"val", "valid", "validation"}:
        raise DataError(f"{root} holds train/ but no test/; rename the folder of the test set to test/.")
    train = _read_train(root / "train" if "train" in names else root, root, folders)
    if not names >= {"train", "test"}:
        return {"train": train}
    test: dict[str, list[os.DirEntry[str]]] = {}
    for entry in _list_classes(root / "test", folders):
        test.setdefault(canonical(entry.name), []).extend(_read_class(entry, folders))
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise DataError(f"{root / 'test'} holds the class {unknown[0]}, which has no folder in train/.")
    if not any(test.values()):
        raise DataError(f"{root / 'test'} holds no images.")
    return {"train": train, "test": test}


def _read_train(folder: Path, root: Path, folders: dict[str, int]) -> dict[str, list[os.DirEntry[str]]]:
    """The training images by class. Stops at the first class without images: the folder may be a whole disk."""
    classes = _list_classes(folder, folders)
    if len({canonical(entry.name) for entry in classes}) < 2:
        found = f"only the class folder {classes[0].name}" if classes else "no class folders"
        raise DataError(f"{root} holds {found}; two or more are needed, one folder a class.")
    train: dict[str, list[os.DirEntry[str]]] = {}
    for entry in classes:
        images = _read_class(entry, folders)
        # Folders whose names look the same are one class: they differ in how Unicode is written.
        train.setdefault(canonical(entry.name), []).extend(images)
        if not images:
            suffixes = ", ".join(sorted(SUFFIXES))
            raise DataError(f"The class folder {entry.name} in {root} holds no images ({suffixes}).")
    return train


def _list_classes(folder: Path, folders: dict[str, int]) -> list[os.DirEntry[str]]:
    _require_allowed(folder)
    return sorted((entry for entry in _scan(folder, folders) if entry.is_dir()), key=lambda entry: entry.name)


def _read_class(entry: os.DirEntry[str], folders: dict[str, int]) -> list[os.DirEntry[str]]:
    if entry.is_symlink():
        _require_allowed(entry.path)
    return sorted(_walk(entry.path, folders), key=lambda image: image.path)


def _walk(folder: str, folders: dict[str, int]) -> Iterator[os.DirEntry[str]]:
    for entry in _scan(folder, folders):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, folders)
        elif entry.name[entry.name.rfind(".") :].lower() in SUFFIXES:
            if entry.is_symlink():
                _require_allowed(entry.path)
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
