"""Reads a folder's files and folders, once each: what is an image by its name, what is left out, and what was seen."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.data.leftovers import (
    CLASS_NUMBERS,
    EMPTY,
    LINK_AGAIN,
    LINK_NOWHERE,
    NO_FILE,
    OUTSIDE,
    SUFFIXES,
    SYSTEM,
    Tally,
    explain_suffix,
    is_leftover,
    suffix_of,
)
from core.data.store import DataError

# Folders below which images may be read, with the system's separator; without it all that this process can read.
ROOTS = "RESNET_LAB_IMAGE_ROOTS"
# Of what was left out, so many are looked at again: an empty file may be filled, and its folder does not show it.
_MOST_WATCHED = 1000

Stamp = tuple[int, int, int]  # device, number and time of change of a folder or file; shows that it is another now
_GONE: Stamp = (-1, -1, -1)


class Content(NamedTuple):
    """What a folder holds: folders, sorted by name, and files that are called like images."""

    folders: list[os.DirEntry[str]]
    images: list[os.DirEntry[str]]


class ImageFile(NamedTuple):
    """One image: its path below the folder, its class, and what shows that it has changed."""

    path: str
    label: int
    size: int
    mtime_ns: int


class Walker:
    """Reads below one folder. `stamps` has every folder that was read, with what would show a change of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stamps: dict[str, Stamp] = {}
        self.left_out = Tally()
        self._contents: dict[str, Content] = {}
        self._watched = 0
        self._start = len(os.path.join(root, ""))
        # A link to one of these leads back into the set.
        self._above = {stamp_of(folder)[:2] for folder in (root.resolve(), *root.resolve().parents)}

    def below(self, path: str) -> str:
        """The path below the root."""
        return path[self._start :]

    def read(self, folder: str) -> Content:
        """What a folder holds; read once. Raises `DataError`."""
        if folder not in self._contents:
            self._contents[folder] = self._scan(folder)
        return self._contents[folder]

    def _scan(self, folder: str) -> Content:
        # The stamp is taken before reading: a file that arrives meanwhile then shows as a change.
        self.stamps[folder] = stamp_of(folder)
        content = Content([], [])
        for entry in list_entries(folder):
            name = entry.name
            suffix = suffix_of(name)
            # Most are images: what is asked first is quick for them.
            if (suffix not in SUFFIXES or name[0] in ".~") and is_leftover(name):
                self.left_out.add(SYSTEM, self.below(entry.path))
                continue
            if entry.is_symlink():
                require_allowed(entry.path)
            if _is_folder(entry):
                content.folders.append(entry)
            elif suffix in SUFFIXES:
                content.images.append(entry)
            elif name != CLASS_NUMBERS:
                is_dead = entry.is_symlink() and not os.path.exists(entry.path)
                self.left_out.add(LINK_NOWHERE if is_dead else explain_suffix(suffix), self.below(entry.path))
        content.folders.sort(key=lambda entry: entry.name)
        return content

    def images_in(self, folder: str, label: int) -> list[ImageFile]:
        """All images of a class, those of inner and linked folders too, sorted by path. Raises `DataError`."""
        found = (self._describe(entry, label) for entry in self._walk(folder))
        return sorted(image for image in found if image)

    def _walk(self, folder: str) -> Iterator[os.DirEntry[str]]:
        """Every folder once, also where links lead to it again; real folders before linked ones."""
        real, linked, seen = [folder], list[str](), set(self._above)
        while real or linked:
            is_linked, path = not real, real.pop() if real else linked.pop(0)
            if (identity := stamp_of(path)[:2]) in seen or (is_linked and _leads_back(path, folder)):
                self.left_out.add(LINK_AGAIN, self.below(path))
                continue
            seen.add(identity)
            content = self.read(path)
            yield from content.images
            for inner in content.folders:
                (linked if inner.is_symlink() else real).append(inner.path)

    def _describe(self, entry: os.DirEntry[str], label: int) -> ImageFile | None:
        """None for what is no image after all, which is counted."""
        try:
            found = os.stat(entry.path)  # not entry.stat(), which the entry would keep: half a kilobyte each
        except OSError as error:
            if not entry.is_symlink():
                raise DataError(f"The image {entry.path} cannot be read: {error.strerror}.") from error
            self._leave(LINK_NOWHERE, entry)
            return None
        if not stat.S_ISREG(found.st_mode) or not found.st_size:
            self._leave(EMPTY if stat.S_ISREG(found.st_mode) else NO_FILE, entry)
            return None
        return ImageFile(self.below(entry.path), label, found.st_size, found.st_mtime_ns)

    def _leave(self, reason: str, entry: os.DirEntry[str]) -> None:
        self.left_out.add(reason, self.below(entry.path))
        if self._watched < _MOST_WATCHED:
            self.watch(entry.path)
            self._watched += 1

    def watch(self, path: str) -> None:
        """Whatever changes there is seen as a change of the folder."""
        self.stamps.setdefault(path, stamp_of(path))

    def leave_images(self, folder: str) -> None:
        """Counts images beside the folders of classes or parts."""
        for entry in self.read(folder).images:
            self.left_out.add(OUTSIDE, self.below(entry.path))

    def leave_folder(self, folder: str, reason: str) -> None:
        """Counts the images of a folder that is not used; where it cannot be read, it does not matter."""
        self.watch(folder)
        if images := sum(1 for _ in walk_names(folder)):
            self.left_out.add(reason, self.below(folder), images)


def walk_names(folder: str) -> Iterator[str]:
    """The images below a folder by their names alone, without following links or counting what is left out."""
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_leftover(name)]
        yield from (os.path.join(path, name) for name in files if suffix_of(name) in SUFFIXES and not is_leftover(name))


def list_entries(folder: str) -> list[os.DirEntry[str]]:
    """Raises `DataError`."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}.") from error


def _leads_back(link: str, class_folder: str) -> bool:
    """Whether a link leads to another class of the same part, into one, or to a folder around them."""
    target, own = os.path.realpath(link), os.path.realpath(class_folder)
    part = os.path.realpath(os.path.dirname(class_folder))
    return not _is_inside(target, own) and (_is_inside(target, part) or _is_inside(part, target))


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a ring
        return False


def stamp_of(path: str | Path) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return _GONE
    return found.st_dev, found.st_ino, found.st_mtime_ns


def require_allowed(path: str | Path) -> None:
    """Raises `DataError` for a path that is, or links to, outside the folders that images may be read from."""
    roots = list_roots()
    if not roots:
        return
    real = os.path.realpath(path)
    if not any(real == root or real.startswith(os.path.join(root, "")) for root in roots):
        raise DataError(f"{path} is not below {' or '.join(roots)}: image folders are read only from there.")


def list_roots() -> list[str]:
    """The folders that images may be read from; none where all may."""
    named = [part for part in os.environ.get(ROOTS, "").split(os.pathsep) if part.strip()]
    return [os.path.realpath(os.path.expanduser(part)) for part in named]
