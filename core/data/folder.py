"""A folder of images, one folder a class, directly or in train/, val/ and test/: what it holds, or what is wrong."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.data.leftovers import NO_IMAGES, SUFFIXES, LeftOut
from core.data.parts import (
    ClassNames,
    FolderQuestion,
    Roles,
    ask_about_classes,
    ask_beside,
    find_roles,
    is_beside,
    is_plain,
    read_name,
)
from core.data.pickles import explain_pickle, find_pickle
from core.data.store import DataError
from core.data.walking import ROOTS, ImageFile, Stamp, Walker, require_allowed, stamp_of, walk_names
from core.spec.folder_parts import read_parts
from core.system.gc_pause import Paused
from core.system.names import canonical

__all__ = ["ROOTS", "SUFFIXES", "FolderListing", "FolderStatus", "ImageFile", "inspect_folder", "list_images"]

# A single folder around it all is entered, so many times.
_MOST_WRAPPED = 8

Folder = os.DirEntry[str]
Counts = tuple[int, ...]


@dataclass(frozen=True)
class FolderStatus:
    """What a folder holds. The counts are of each class; None for a part that is to be split off.

    `places` are the folders of the parts below the folder: `(("train", "seg_train/seg_train"), ...)`.
    """

    classes: tuple[str, ...]
    class_counts: Counts  # of the training images
    val_counts: Counts | None
    test_counts: Counts | None
    places: tuple[tuple[str, str], ...]
    left_out: tuple[LeftOut, ...]

    @property
    def num_train(self) -> int:
        return sum(self.class_counts)

    @property
    def num_val(self) -> int | None:
        return None if self.val_counts is None else sum(self.val_counts)

    @property
    def num_test(self) -> int | None:
        return None if self.test_counts is None else sum(self.test_counts)


@dataclass(frozen=True)
class FolderListing:
    """All images of a folder, sorted by class and path; `val` and `test` are None if they are to be split off."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[ImageFile, ...]
    val: tuple[ImageFile, ...] | None
    test: tuple[ImageFile, ...] | None
    places: tuple[tuple[str, str], ...]
    left_out: tuple[LeftOut, ...]

    @property
    def files(self) -> tuple[ImageFile, ...]:
        return self.train + (self.val or ()) + (self.test or ())

    def count(self, part: Sequence[ImageFile] | None) -> Counts | None:
        """Images of each class."""
        if part is None:
            return None
        counts = [0] * len(self.classes)
        for file in part:
            counts[file.label] += 1
        return tuple(counts)


class _Known(NamedTuple):
    """What a folder was found to be, and what it is read again for."""

    stamps: dict[str, Stamp]
    found: FolderStatus | FolderQuestion


_inspected: dict[tuple[Path, str, str | None], _Known] = {}


def inspect_folder(path: str, parts: str = "") -> FolderStatus:
    """Counts classes, images and what is left out; repeated calls only look whether a folder has changed.

    `parts` is as `data.folder_parts`. Raises `DataError`; `FolderQuestion` where somebody has to say what is a part.
    """
    root = _resolve(path)
    key = root, parts, os.environ.get(ROOTS)
    known = _inspected.get(key)
    if not known or any(stamp_of(folder) != before for folder, before in known.stamps.items()):
        known = _inspected[key] = _inspect(root, parts)
    if isinstance(known.found, FolderQuestion):
        raise copy.copy(known.found)
    return known.found


def _inspect(root: Path, parts: str) -> _Known:
    walker = Walker(root)
    with Paused():
        try:
            listing = _Reader(walker).read(parts)
        except FolderQuestion as question:
            return _Known(walker.stamps, question.with_traceback(None))
        train, val, test = (listing.count(part) for part in (listing.train, listing.val, listing.test))
    return _Known(
        walker.stamps, FolderStatus(listing.classes, train or (), val, test, listing.places, listing.left_out)
    )


def list_images(path: str, parts: str = "") -> FolderListing:
    """Every image with its size and time of change; `parts` is as `data.folder_parts`. Raises `DataError`."""
    root = _resolve(path)
    with Paused():
        return _Reader(Walker(root)).read(parts)


def _resolve(path: str) -> Path:
    if not path.strip():
        raise DataError("Name the folder that holds the images.")
    try:
        root = Path(path.strip()).expanduser().absolute()
        # Checked first, so that no message reveals whether a folder elsewhere exists.
        require_allowed(root)
        if not root.exists():
            raise DataError(f"There is no folder {root}.")
        if not root.is_dir():
            raise DataError(f"{root} is a file; name the folder that holds the class folders.")
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null character, an unknown home
        raise DataError(f"There is no folder {path.strip()[:200]}.") from error
    return root


class _Reader:
    """Finds the parts and classes, and lists their images."""

    def __init__(self, walker: Walker) -> None:
        self.walker = walker
        self._without_images: dict[str, bool] = {}

    def read(self, parts: str) -> FolderListing:
        try:
            pairs = read_parts(parts)
        except ValueError as error:
            raise DataError(f"data.folder_parts = {parts[:200]}: {error}.") from None
        base = self._unwrap(str(self.walker.root), ClassNames([name for _, name in pairs]))
        folders = {entry.name: entry for entry in self._folders_of(base)}
        by_look = {canonical(name): name for name in folders}
        given = Roles.of(
            tuple((role, name if name in folders else by_look.get(canonical(name), name)) for role, name in pairs)
        )
        if missing := sorted(given.named - set(folders)):
            raise DataError(f"data.folder_parts names {missing[0]}, and {base} holds no such folder.")
        roles = given if parts.strip() else self._find_roles(base, folders)
        if roles is None or not roles.train:
            return self._read_around(base, folders, roles)
        train_folder = self._unwrap(folders[roles.train].path, in_part=True)
        classes, train = self._read_classes(train_folder)
        if not parts.strip():
            self._ask_beside(base, folders, roles, ClassNames(classes))
        self.walker.leave_images(base)
        self._leave_folders(folders[name] for name in folders if name not in dict(roles.pairs()).values())
        return self._finish(roles, folders, classes, train, train_folder)

    def _read_around(self, base: str, folders: Mapping[str, Folder], roles: Roles | None) -> FolderListing:
        """Class folders directly in `base`; without `roles`, nobody has said yet that they are classes."""
        aside = roles or Roles()
        classes, train = self._read_classes(base, aside.named)
        if roles is None:
            inner = {
                name: [below.name for below in self.walker.read(entry.path).folders]
                for name, entry in folders.items()
                if canonical(name) in classes
            }
            if question := ask_about_classes(base, inner):
                raise question
        self._leave_folders(folders[name] for name in aside.skip)
        return self._finish(aside, folders, classes, train, base)

    def _finish(
        self,
        roles: Roles,
        folders: Mapping[str, Folder],
        classes: tuple[str, ...],
        train: tuple[ImageFile, ...],
        train_folder: str,
    ) -> FolderListing:
        names = ClassNames(classes)
        places, held = [("train", self.walker.below(train_folder))], dict[str, tuple[ImageFile, ...] | None]()
        for role in ("val", "test"):
            name, held[role] = getattr(roles, role), None
            if name:
                folder = self._unwrap(folders[name].path, names, in_part=True)
                held[role] = self._read_held(name, folder, names, roles.train or str(self.walker.root))
                places += [(role, self.walker.below(folder))] if held[role] else []
        left_out = self.walker.left_out.listed()
        return FolderListing(self.walker.root, classes, train, held["val"], held["test"], tuple(places), left_out)

    # Which folders are what -----------------------------------------------------------------------------------------

    def _unwrap(self, folder: str, known: ClassNames | None = None, *, in_part: bool = False) -> str:
        """Enters a single folder around it all, as archives unpack; not one whose name is `known` or tells a part."""
        for _ in range(_MOST_WRAPPED):
            folders, content = self._folders_of(folder), self.walker.read(folder)
            if len(folders) != 1 or content.images or (known and known.find(folders[0].name) is not None):
                break
            role, rest = read_name(folders[0].name)
            if role and not in_part and not (role == "train" and rest):
                break
            inner = self.walker.read(folders[0].path)
            if inner.images or not inner.folders:
                break
            folder = folders[0].path
        return folder

    def _folders_of(self, folder: str) -> list[Folder]:
        """Without those that keep labels and the like, and no image."""
        return [entry for entry in self.walker.read(folder).folders if not self._is_without_images(entry)]

    def _is_without_images(self, entry: Folder) -> bool:
        if entry.path not in self._without_images:
            found = is_beside(entry.name) and not any(walk_names(entry.path))
            self._without_images[entry.path] = found
            if found:
                self.walker.watch(entry.path)
                self.walker.left_out.add(NO_IMAGES, self.walker.below(entry.path))
        return self._without_images[entry.path]

    def _find_roles(self, base: str, folders: Mapping[str, Folder]) -> Roles | None:
        roles = find_roles(base, sorted(folders))
        if roles is None:
            return None
        train = self.walker.read(folders[roles.train].path)
        if train.folders or not train.images:
            return roles
        if set(folders) - roles.named:  # of vehicles, say: images of trains, beside those of other classes
            return None
        raise DataError(
            f"{folders[roles.train].path} holds {len(train.images):,} images without class folders; "
            "put those of each class into a folder of its own."
        )

    def _ask_beside(self, base: str, folders: Mapping[str, Folder], roles: Roles, classes: ClassNames) -> None:
        """Raises `FolderQuestion` about a folder with the same classes, where a part is missing."""
        if roles.val and roles.test:
            return
        for name in sorted(set(folders) - roles.named):
            inner = self.walker.read(self._unwrap(folders[name].path, classes, in_part=True)).folders
            if 2 * sum(classes.find(entry.name) is not None for entry in inner) >= len(classes):
                raise ask_beside(base, roles, name)

    def _leave_folders(self, folders: Iterable[Folder]) -> None:
        for entry in folders:
            self.walker.leave_folder(entry.path, f"images in {entry.name}/, which is not used")

    # What they hold -------------------------------------------------------------------------------------------------

    def _read_classes(self, folder: str, aside: Collection[str] = ()) -> tuple[tuple[str, ...], tuple[ImageFile, ...]]:
        """The classes and their images. Stops at the first class without any: the folder may be a whole disk."""
        entries = [entry for entry in self._folders_of(folder) if entry.name not in aside]
        # Names that look the same are one class, at the same place: they differ in how Unicode is written.
        labels = {name: label for label, name in enumerate(sorted({canonical(entry.name) for entry in entries}))}
        if len(labels) < 2:
            _refuse_pickles(folder, *(entry.path for entry in entries))
            found = f"only the class folder {entries[0].name}" if entries else "no class folders"
            raise DataError(f"{folder} holds {found}; two or more are needed, one folder a class.")
        files: list[ImageFile] = []
        for entry in entries:
            before = self.walker.left_out.counts.copy()
            images = self.walker.images_in(entry.path, labels[canonical(entry.name)])
            if not images:
                _refuse_pickles(entry.path)
                others = ", ".join(self.walker.left_out.since(before))
                found = f"only {others}" if others else f"no images ({', '.join(sorted(SUFFIXES))})"
                raise DataError(f"The class folder {entry.name} in {folder} holds {found}.")
            files += images
        self.walker.leave_images(folder)
        return tuple(labels), tuple(sorted(files, key=lambda file: file.label))

    def _read_held(self, name: str, folder: str, classes: ClassNames, train: str) -> tuple[ImageFile, ...] | None:
        """The images of a part by the training classes; None where no folder tells their classes."""
        matched = [(entry, classes.find(entry.name)) for entry in self.walker.read(folder).folders]
        others = [entry for entry, label in matched if label is None]
        if unknown := [entry.name for entry in others if not is_plain(entry.name)]:
            raise DataError(f"{folder} holds the class {unknown[0]}, which has no folder in {train}/.")
        files = [
            file for entry, label in matched if label is not None for file in self.walker.images_in(entry.path, label)
        ]
        if files:
            self.walker.leave_images(folder)
            self._leave_folders(others)
            return tuple(sorted(files, key=lambda file: file.label))
        if len(others) < len(matched) or not any(walk_names(folder)):
            raise DataError(f"{folder} holds no images.")
        self.walker.leave_folder(folder, f"images in {name}/ without class folders: unlabelled, so not used")
        return None


def _refuse_pickles(*folders: str) -> None:
    """Raises `DataError` where one that holds no images holds a pickle instead."""
    for folder in folders:
        if name := find_pickle(folder):
            raise DataError(f"{folder} holds no images in class folders. {explain_pickle(name)}")
