"""A look through all images of a set, once: sizes and kinds of files, colours, what is alike; kept for the next look.

It takes a second for ten thousand small images and minutes for as many photographs, so a page asks for it by
`core.data.survey_queue`. What is kept lies beside the decoded copies, under a name that changes with the files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from core.data import alike
from core.data.cache import (
    Fault,
    cache_folder,
    cache_key,
    cached_images,
    digest_of,
    find_decoded,
    parts_of,
)
from core.data.catalogue import DATASETS, check_ready
from core.data.checks import find_alike, find_constant, find_equal, find_nearly_alike
from core.data.decoding import FORMATS, Pixels
from core.data.folder import FolderListing, inspect_folder, list_images
from core.data.leftovers import LeftOut
from core.data.notes import list_left_out
from core.data.source import Source, find_images
from core.data.splits import split_others
from core.data.store import DataError, folder_of, temporary_folder
from core.data.survey_queue import Report, Reporter
from core.spec import DataSpec
from core.system.files import find_note, write_json

PARTS = ("train", "val", "test")
UNUSED, NOTED = 3, 4  # beside the index of a part: over the limit of images, and left out by `data.without`
SIDES = (32, 64)  # of the small images that are shown: the first that no image is larger than, or the last
_VERSION = 1  # of what is kept
_KEPT, _ARRAYS, _IMAGES = "survey.json", "survey.npz", "images.npy"
_CHUNK = 2000
# EXIF's tag, and what of it turns an image by a quarter.
_ORIENTATION, _QUARTERS = 274, (5, 6, 7, 8)

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Survey:
    """What was found in a set, by image: those that can be decoded, in the order in which a training reads them.

    `key` changes with the files. `names`: paths below the folder, or numbers. `sides` (n, 2) are widths and heights in
    pixels, `bytes` (n,) the sizes of files, 0 without; `kinds` (n,) indices in `formats`. `pixels` (n, s, s, 3) are
    small images, `colours` (n, 3) means from 0 to 1. `equal`, `near` and `constant` hold indices; `near` is None where
    there are too many images.
    """

    key: str
    classes: tuple[str, ...]
    names: Sequence[str]
    labels: Numbers
    num_val: int
    num_test: int
    sides: Numbers
    bytes: Numbers
    kinds: Numbers
    formats: tuple[str, ...]
    pixels: Pixels
    colours: npt.NDArray[np.float32]
    constant: tuple[int, ...]
    equal: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...] | None
    faults: tuple[Fault, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def file_names(self) -> Sequence[str]:
        """As `Source.names`."""
        return self.names if self.formats else ()


# Where its images stand in a training -------------------------------------------------------------------------------


def divide(survey: Survey, spec: DataSpec) -> npt.NDArray[np.int8]:
    """For each image the index of its part in `PARTS`, `UNUSED` or `NOTED`. Raises `DataError`."""
    gone = find_images(survey.file_names, len(survey), list_left_out(spec.without))
    own = {"num_test": survey.num_test, "num_val": survey.num_val}
    found = split_others(spec, survey.labels, len(survey.classes), gone, **own)
    parts = np.full(len(survey), UNUSED, np.int8)
    for number, name in enumerate(PARTS):
        parts[getattr(found, name)] = number
    parts[gone] = NOTED
    return parts


def own_part(survey: Survey, index: int) -> str:
    """The part that the set itself has an image in."""
    first_test = len(survey) - survey.num_test
    return "test" if index >= first_test else "val" if index >= first_test - survey.num_val else "train"


def list_groups(survey: Survey) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Groups of alike images, and whether all are equal in every pixel; the equal ones first."""
    yield from ((group, True) for group in survey.equal)
    yield from ((group, False) for group in survey.near or ())


# Kept ---------------------------------------------------------------------------------------------------------------


def find_survey(spec: DataSpec) -> Survey | None:
    """What was kept of the set as it is now; None where it must be looked through. Raises `DataError`."""
    check_ready(spec)
    return _find_folder(spec) if spec.dataset == "folder" else _find_array(spec)


def make_survey(spec: DataSpec) -> None:
    """Looks through the set, and keeps what it finds. Raises `DataError`."""
    with Reporter(spec) as report:
        if spec.dataset == "folder":
            _survey_folder(spec, report)
        else:
            _survey_array(spec, report)


def state_of(spec: DataSpec) -> object:
    """Changes with the set, as far as can be seen without reading every file. Raises `DataError`."""
    check_ready(spec)
    return inspect_folder(spec.folder, spec.folder_parts) if spec.dataset == "folder" else _array_key(spec)


def _look_of(spec: DataSpec, side: int) -> DataSpec:
    """The spec of the small images."""
    return spec.model_copy(update={"image_size": side, "damaged": "leave_out"})


def _find_folder(spec: DataSpec) -> Survey | None:
    listing = list_images(spec.folder, spec.folder_parts)
    for side in SIDES:
        look = _look_of(spec, side)
        folder = cache_folder(cache_key(listing, look))
        if (folder / _KEPT).exists() and (decoded := find_decoded(listing, look)):
            return _read(folder, decoded.digest, decoded.pixels, decoded.faults, listing)
    return None


def _find_array(spec: DataSpec) -> Survey | None:
    folder = cache_folder(_array_key(spec))
    if not (folder / _KEPT).exists():
        return None
    try:
        pixels: Pixels = np.load(folder / _IMAGES, mmap_mode="r")
    except (OSError, ValueError):
        return None
    return _read(folder, digest_of(pixels), pixels, (), None)


def _read(
    folder: Path, digest: str, pixels: Pixels, faults: tuple[Fault, ...], listing: FolderListing | None
) -> Survey | None:
    kept = find_note(folder / _KEPT)
    if not kept or kept.get("of") != [_VERSION, digest]:
        return None
    try:
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in ("labels", "sides", "kinds", "colours")}
    except (OSError, ValueError, KeyError):
        return None
    own = _name_files(listing, faults) if listing else _name_array(len(pixels), kept)
    return Survey(
        key=folder.name,
        labels=found["labels"],
        sides=found["sides"],
        kinds=found["kinds"],
        colours=found["colours"],
        formats=tuple(kept["formats"]),
        pixels=pixels,
        constant=tuple(kept["constant"]),
        equal=tuple(map(tuple, kept["equal"])),
        near=None if kept["near"] is None else tuple(map(tuple, kept["near"])),
        faults=faults,
        **own,
    )


def _name_files(listing: FolderListing, faults: Sequence[Fault]) -> dict[str, Any]:
    gone = {fault.path for fault in faults}
    files = [file for file in listing.files if file.path not in gone]
    counts = {name: sum(file.path not in gone for file in part) for name, part in parts_of(listing).items()}
    return {
        "classes": listing.classes,
        "names": [file.path for file in files],
        "bytes": np.array([file.size for file in files], np.int64),
        "num_val": counts.get("val", 0),
        "num_test": counts.get("test", 0),
        "left_out": listing.left_out,
    }


def _name_array(count: int, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "classes": tuple(kept["classes"]),
        "names": list(map(str, range(count))),
        "bytes": np.zeros(count, np.int64),
        "num_val": kept["num_val"],
        "num_test": kept["num_test"],
    }


def _keep(folder: Path, digest: str, about: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
    try:
        with open(folder / _ARRAYS, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        write_json(folder / _KEPT, {"of": [_VERSION, digest], **about})
    except OSError as error:
        raise DataError(f"What was found cannot be kept in {folder.parent}: {error.strerror}.") from error


# Looking through ----------------------------------------------------------------------------------------------------


def _survey_folder(spec: DataSpec, report: Report) -> None:
    listing = list_images(spec.folder, spec.folder_parts)
    count = len(listing.files)
    sides, kinds = _read_headers(listing, report)
    side = SIDES[0] if sides.min(axis=1).max(initial=0) <= SIDES[0] else SIDES[-1]
    look = _look_of(spec, side)
    key = cache_key(listing, look)
    report(f"decoding:{key}", 0, count)
    decoded = cached_images(listing, look)
    report("Searching for repeated images", 0, count)
    constant, equal = find_alike(decoded, key)
    gone = {fault.path for fault in decoded.faults}
    sound = np.array([file.path not in gone for file in listing.files])
    labels = np.array([file.label for file in listing.files], np.int64)[sound]
    near = find_nearly_alike(decoded, key, labels)
    about = {"formats": FORMATS, "constant": constant, "equal": equal, "near": near}
    arrays = {
        "labels": labels,
        "sides": sides[sound],
        "kinds": kinds[sound],
        "colours": measure_colours(decoded.pixels),
    }
    _keep(cache_folder(key), decoded.digest, about, arrays)


def _read_headers(listing: FolderListing, report: Report) -> tuple[Numbers, Numbers]:
    """Widths and heights as the images are shown, and the index of each one's format; zeros where there is none."""
    count = len(listing.files)
    sides, kinds = np.zeros((count, 2), np.int64), np.zeros(count, np.int64)
    for index, file in enumerate(listing.files):
        with suppress(Exception), Image.open(listing.root / file.path, formats=FORMATS) as image:
            turned = image.getexif().get(_ORIENTATION) in _QUARTERS
            sides[index] = image.size[::-1] if turned else image.size
            kinds[index] = FORMATS.index(image.format or "PNG") if image.format in FORMATS else 0
        report("Reading the files' sizes", index, count)
    return sides, kinds


def _find_near(
    pixels: Pixels, labels: Numbers, constant: Sequence[int], equal: Sequence[Sequence[int]]
) -> list[list[int]] | None:
    if len(pixels) > alike.MAX_IMAGES:
        return None
    return alike.without(alike.find_near(pixels, labels, constant), equal)


def measure_colours(pixels: Pixels) -> npt.NDArray[np.float32]:
    """The mean of each channel of images (n, s, s, 3), from 0 to 1: (n, 3)."""
    means = [pixels[start : start + _CHUNK].mean(axis=(1, 2)) / 255 for start in range(0, len(pixels), _CHUNK)]
    return np.concatenate([np.zeros((0, 3)), *means]).astype(np.float32)


def _survey_array(spec: DataSpec, report: Report) -> None:
    report("Reading the images", 0, 0)
    read: Callable[[DataSpec], Source] = resolve_name(DATASETS[spec.dataset].reader)
    source = read(spec)
    count, height, width, _ = source.images.shape
    pixels = source.images if max(height, width) <= SIDES[-1] and height == width else _shrink(source.images)
    report("Searching for repeated images", 0, count)
    constant, equal = find_constant(pixels), find_equal(pixels)
    about = {
        "formats": (),
        "classes": source.class_names,
        "num_val": source.num_val,
        "num_test": source.num_test,
        "constant": constant,
        "equal": equal,
        "near": _find_near(pixels, source.labels, constant, equal),
    }
    arrays = {
        "labels": source.labels,
        "sides": np.tile(np.array([[width, height]]), (count, 1)),
        "kinds": np.zeros(count, np.int64),
        "colours": measure_colours(pixels),
    }
    folder = cache_folder(_array_key(spec))
    try:
        with temporary_folder(folder.name) as temporary:
            np.save(temporary / _IMAGES, pixels)
            _keep(temporary, digest_of(pixels), about, arrays)
            folder.parent.mkdir(exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)  # one that could not be read
            temporary.rename(folder)
    except OSError as error:
        raise DataError(f"The small images cannot be kept in {folder.parent}: {error.strerror}.") from error


def _shrink(images: Pixels) -> Pixels:
    side = (SIDES[-1], SIDES[-1])
    small = [np.asarray(ImageOps.fit(Image.fromarray(image), side, Image.Resampling.BILINEAR)) for image in images]
    return np.stack(small)


def _array_key(spec: DataSpec) -> str:
    """A name for a set that is no folder of images, as its files are now."""
    place = folder_of(spec.dataset)
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else []
    found = [(str(path), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files]
    return hashlib.sha256(json.dumps([_VERSION, spec.dataset, found]).encode()).hexdigest()[:32]
