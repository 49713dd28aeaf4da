"""Images that somebody brings become a set of this lab: an image folder below the data folder, as Build takes it.

A zip of class folders is unpacked. Arrays, as in MedMNIST's .npz files, and CIFAR's binary batches are written as one
PNG an image, so that all that is known of image folders holds for them. Nothing that is brought is run: no pickle is
read, and an archive is checked before a byte of it is unpacked. A refusal leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
from PIL import Image

from core.data.archives import DAMAGE, check_archive, extract_member, open_archive, show_name
from core.data.arrays import Labelled, read_arrays, read_batches, read_pair
from core.data.class_numbers import keep_numbers, read_numbers
from core.data.decoding import Look, decode_image
from core.data.downloads import find_by_archive, take_archives
from core.data.folder import inspect_folder, list_images
from core.data.leftovers import CLASS_NUMBERS, is_leftover
from core.data.own_images import MAX_ARRAY_BYTES, is_image
from core.data.parts import FolderQuestion
from core.data.pickles import MARK_BYTES, explain_pickle, is_pickle
from core.data.store import DataError, data_folder, lock_for, temporary_folder
from core.spec import DataSpec
from core.text.words import count_of, list_first

Report = Callable[[int, int], None]  # called with what is done and the total
Tell = Callable[[str], object]  # called with a sentence about what was left out

MAX_FILES = 300_000
MAX_BATCH_BYTES = 2_000_000_000  # of all batches in a tar archive
_NAME = re.compile(r"[^\W_][\w .()-]{0,59}")
_REPORT_FILES = 200
_NAMED = 5
_MOST_LOOKED_AT = 100  # files of an archive that holds no images, to say what they are


def sets_folder() -> Path:
    """Where brought sets are kept, a folder each."""
    return data_folder() / "sets"


def suggest_name(file_name: str) -> str:
    """A set's name from that of its file."""
    stem = re.sub(r"(\.tar)?\.[A-Za-z0-9]+$", "", re.split(r"[/\\]", file_name)[-1])
    return re.sub(r"[^\w .()-]+", "-", stem).strip(" .-_()")[:60] or "images"


def bring(
    file: IO[bytes],
    name: str,
    report: Report = lambda done, total: None,
    labels: IO[bytes] | None = None,
    tell: Tell = lambda sentence: None,
) -> DataSpec:
    """Makes a file's images a set of this name; returns the spec that reads it. Raises `DataError`.

    `labels` is the second file of a pair of .npy files, and is not looked at otherwise.

    The archive of a set that is known by name, as CIFAR-10, becomes that set.
    """
    if known := find_by_archive(file):
        take_archives(known, [file])
        return DataSpec.model_validate({"dataset": known})
    name = name.strip()
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise DataError("Name the set: at most 60 letters, digits, spaces and .-_(), a letter or digit first.")
    target = sets_folder() / name
    with _alone(name):
        if os.path.lexists(target):
            raise DataError(f"There is a set {name} already: choose another name.")
        try:
            with temporary_folder(f"set-{name}") as temporary:
                root = temporary / name
                root.mkdir()
                _take_in(file, root, report, labels, tell)
                _require_set(root, tell)
                target.parent.mkdir(exist_ok=True)
                root.rename(target)
        except OSError as error:
            raise DataError(f"The images cannot be kept in {data_folder()}: {error.strerror or error}.") from error
    return spec_of(target)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Nobody else makes or deletes the set of this name meanwhile; the lock's file goes as well."""
    with lock_for(f"set-{name}") as lock:
        try:
            yield
        finally:
            with suppress(OSError):  # as its last act: who waits for it then makes a new one
                lock.path.unlink()


def spec_of(folder: Path) -> DataSpec:
    """The spec that reads a folder; the classes are counted where its parts are clear. Raises `DataError`."""
    try:
        classes = len(inspect_folder(str(folder)).classes)
    except FolderQuestion:  # Build asks it
        classes = 2
    return DataSpec(dataset="folder", folder=str(folder), folder_classes=classes)


def _require_set(root: Path, tell: Tell) -> None:
    """Tells what of the images is not used; raises `DataError`, without the temporary folder, for what is no set."""
    try:
        listing = list_images(str(root))
        read_numbers(root, listing.classes)
        if not any(map(_can_be_decoded, (root / file.path for file in listing.files))):
            raise DataError(f"None of the {count_of(len(listing.files), 'image')} can be decoded.")
        for reason, number, example in listing.left_out:
            tell(f"Left out: {reason} ({number:,}), such as {show_name(example)}.")
    except FolderQuestion:
        return
    except DataError as error:
        sentence = str(error).replace(f"{root}/", "").replace(str(root), "The archive")
        raise DataError(sentence) from error


def _can_be_decoded(path: Path) -> bool:
    try:
        decode_image(path, Look(1))
    except DataError:
        return False
    return True


def _take_in(file: IO[bytes], root: Path, report: Report, labels: IO[bytes] | None, tell: Tell) -> None:
    file.seek(0)
    start = file.read(6)
    file.seek(0)
    if not start:
        raise DataError("The file is empty.")
    if start[:2] == b"PK":
        _take_zip(file, root, report, tell)
    elif start[:2] == b"\x1f\x8b" or tarfile.is_tarfile(file):
        _write_images(read_batches(_read_tar(file)), root, report, tell)
    elif start == b"\x93NUMPY":
        if labels is None:
            raise DataError("A .npy file holds images or labels, not both: name that of the labels too.")
        _write_images(read_pair(file, labels), root, report, tell)
    elif is_pickle(start):
        raise DataError(explain_pickle(str(getattr(file, "name", "")) or "The file"))
    else:
        raise DataError("This is no zip of class folders, no .npz file, and no archive of CIFAR's binary batches.")


def _take_zip(file: IO[bytes], root: Path, report: Report, tell: Tell) -> None:
    size = file.seek(0, os.SEEK_END)
    with open_archive(file, DataError) as archive:
        try:
            members = check_archive(archive, size, root, DataError, max_members=MAX_FILES, what="a set of images")
            images = {name: member for name, member in members.items() if is_image(name)}
            if images:
                _refuse_cases(images)
                _unpack(archive, images, root, report)
                numbers = _take_numbers(archive, members, root)
                _tell_others([name for name in members if name not in images and name != numbers], tell)
            elif members and all(name.endswith(".npy") for name in members):
                _require_moderate(members)
                _write_images(read_arrays(file), root, report, tell)
            else:
                batches = {name: each for name, each in members.items() if name.endswith((".bin", ".txt"))}
                _require_batches(archive, members, batches)
                _require_moderate(batches)
                _write_images(read_batches({name: archive.read(name) for name in batches}), root, report, tell)
        except DAMAGE as error:
            shown = (str(error) or type(error).__name__)[:200].rstrip(".")
            raise DataError(f"The file is damaged or only part of an archive: {shown}.") from error


def _require_batches(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], batches: Collection[str]
) -> None:
    """Raises `DataError` where no file can be one of CIFAR's batches, and names what there is."""
    if any(name.endswith(".bin") for name in batches):
        return
    if not members:
        raise DataError("The archive is empty.")
    for name, member in list(members.items())[:_MOST_LOOKED_AT]:
        with archive.open(member) as content:
            if is_pickle(content.read(MARK_BYTES)):
                raise DataError(explain_pickle(name))
    inner = next((name for name in members if name.lower().endswith((".zip", ".gz", ".tar", ".7z", ".rar"))), "")
    way = ": unpack it, and bring the zip that holds the class folders" if inner else ""
    example = show_name(inner or next(iter(members)))
    raise DataError(
        f"The archive holds no images that can be read, but {count_of(len(members), 'file')} such as {example}{way}."
    )


def _refuse_cases(images: Collection[str]) -> None:
    """Raises `DataError` for folders that differ only in case: one class or two, by the system that reads them."""
    known: dict[str, str] = {}
    for folder in {parent for name in images for parent in map(str, PurePosixPath(name).parents)}:
        if (other := known.setdefault(folder.casefold(), folder)) is not folder:
            first, second = sorted((other, folder))
            raise DataError(
                f"The archive holds the folders {show_name(first)} and {show_name(second)}, which differ only in case: "
                "rename one, or put their images together."
            )


def _tell_others(names: Sequence[str], tell: Tell) -> None:
    """What is no image and was not unpacked, but for what systems leave in archives."""
    others = [name for name in names if not any(map(is_leftover, name.split("/")))]
    if others:
        were = (
            "is no image that can be read, and was" if len(others) == 1 else "are no images that can be read, and were"
        )
        tell(
            f"Left out: {count_of(len(others), 'file')} of the archive {were} not kept, such as {show_name(others[0])}."
        )


def _unpack(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], root: Path, report: Report) -> None:
    """The images alone, each where the archive has it."""
    for number, (name, member) in enumerate(members.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise DataError(f"The archive holds {show_name(name)} twice.")
        extract_member(archive, member, path, DataError)
        if number % _REPORT_FILES == 0:
            report(number, len(members))


def _take_numbers(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], root: Path) -> str:
    """The numbers of the classes, of a set that another lab made of arrays; returns the file's name in the archive."""
    found = min((name for name in members if PurePosixPath(name).name == CLASS_NUMBERS), key=len, default="")
    if found:
        extract_member(archive, members[found], root / CLASS_NUMBERS, DataError)
    return found


def _require_moderate(members: Mapping[str, zipfile.ZipInfo]) -> None:
    """What is read into memory as a whole."""
    for name, member in members.items():
        if member.file_size > MAX_ARRAY_BYTES:
            raise DataError(f"{show_name(name)} has over {MAX_ARRAY_BYTES / 1e9:.0f} GB.")


def _read_tar(file: IO[bytes]) -> dict[str, bytes]:
    """CIFAR's batches and lists of classes in a tar archive, by name; nothing is unpacked to the disk."""
    found, left, pickled = dict[str, bytes](), MAX_BATCH_BYTES, ""
    file.seek(0)
    try:
        with tarfile.open(fileobj=file) as archive:
            for member in archive:
                left -= member.size
                if left < 0:
                    raise DataError(f"The archive holds more than {MAX_BATCH_BYTES / 1e9:.0f} GB.")
                if not member.isfile() or not (content := archive.extractfile(member)):
                    continue
                if member.name.endswith((".bin", ".txt")):
                    found[member.name] = content.read()
                elif not pickled and is_pickle(content.read(MARK_BYTES)):
                    pickled = member.name
    except (tarfile.TarError, EOFError, *DAMAGE) as error:
        raise DataError("The file is damaged or only part of an archive.") from error
    if pickled and not any(name.endswith(".bin") for name in found):
        raise DataError(explain_pickle(pickled))
    return found


def _write_images(parts: Mapping[str, Labelled], root: Path, report: Report, tell: Tell) -> None:
    """One PNG an image, in a folder of its class; below folders of the parts where there is more than training."""
    total, done = sum(len(part.labels) for part in parts.values()), 0
    for name, part in parts.items():
        top = root / name if len(parts) > 1 else root
        for label in np.unique(part.labels):
            (top / part.classes[label]).mkdir(parents=True, exist_ok=True)
        for index, label in enumerate(part.labels):
            pixels = part.image(index)
            Image.fromarray(pixels).save(top / part.classes[label] / f"{index:06}.png", compress_level=1)
            done += 1
            if done % _REPORT_FILES == 0:
                report(done, total)
    about = next(iter(parts.values()))
    if about.numbers:
        # Of a class without images there is no folder, and those after it have other places among the folders.
        there = {int(label) for part in parts.values() for label in np.unique(part.labels)}
        keep_numbers(root, {about.classes[label]: about.numbers[label] for label in sorted(there)})
    pairs = zip(about.given, about.classes, strict=True)
    if renamed := [f"{show_name(given)} is {name}" for given, name in pairs if given != name]:
        tell(f"Classes are called otherwise here, as no folder can have their names: {list_first(renamed, _NAMED)}.")


def delete_set(name: str) -> None:
    """Removes a brought set from the disk. Raises `DataError`."""
    folder = sets_folder() / name
    if not _NAME.fullmatch(name) or not folder.is_dir():
        raise DataError(f"There is no set {name}.")
    with _alone(name), temporary_folder(f"set-{name}") as temporary:
        folder.rename(temporary / "deleted")
        shutil.rmtree(temporary / "deleted", ignore_errors=True)


def list_brought() -> list[Path]:
    """The folders of brought sets, by name."""
    folder = sets_folder()
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
