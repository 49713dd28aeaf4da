"""A folder of images: one folder a class, directly or inside train/ and test/; decoded once, then kept as one array."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image, ImageOps

from core.datafiles import DataError, data_folder, folder_bytes, lock_for, read_json, work_folder, write_json

logger = logging.getLogger(__name__)

SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"])
# Part of the cache's key: raise it when the same files would give other pixels.
_DECODER_VERSION = 1
# A helper process takes a fifth of a second to start: it is worth that from this many images on.
_HELPER_IMAGES = 2000
_MAX_HELPERS = 16
_PROJECT = Path(__file__).parent.parent

Pixels = npt.NDArray[np.uint8]


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


# Listing

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
    return {
        entry.name: sorted(_walk(entry.path, folders), key=lambda image: os.fsencode(image.path)) for entry in classes
    }


def _walk(folder: str, folders: dict[str, int]) -> Iterator[os.DirEntry[str]]:
    for entry in _scan(folder, folders):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, folders)
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
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


# Decoding


def decode_image(path: str | Path, size: int) -> Pixels:
    """One image as (size, size, 3): upright, RGB, shorter side resized, centre cropped. Raises `DataError`."""
    try:
        with Image.open(path) as image:
            # A large JPEG is decoded at an eighth to a half of its size, where that is still twice what is needed.
            image.draft("RGB", (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(image)
            rgb = _sixteen_bit_to_eight(upright).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"The image {path} cannot be decoded: {error}.") from error
    if rgb.size != (size, size):
        rgb = ImageOps.fit(rgb, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(rgb)


def _sixteen_bit_to_eight(image: Image.Image) -> Image.Image:
    # Pillow's own conversion cuts 16-bit grey values off at 255, which leaves a white picture.
    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _decode_all(listing: FolderListing, size: int, array: Path) -> None:
    paths = [str(listing.root / file.path) for file in listing.files]
    np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=(len(paths), size, size, 3)).flush()
    logger.info("Decoding %s images of %s once.", f"{len(paths):,}", listing.root)
    helpers = min(_usable_cores(), len(paths) // _HELPER_IMAGES, _MAX_HELPERS)
    if helpers < 2:
        _fill(array, 0, paths, size)
        return
    share = -(-len(paths) // helpers)
    _decode_in_processes(
        [_Job(array, start, paths[start : start + share], size) for start in range(0, len(paths), share)]
    )


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Job:
    """Images to decode into `len(paths)` places of an array file, from `start` on."""

    array: Path
    start: int
    paths: list[str]
    size: int


def _fill(array: Path, start: int, paths: Sequence[str], size: int) -> None:
    pixels = np.load(array, mmap_mode="r+")
    for place, path in enumerate(paths, start):
        pixels[place] = decode_image(path, size)
    pixels.flush()


def _decode_in_processes(jobs: Sequence[_Job]) -> None:
    """One Python process a job: two threads are slower than one on small images.

    Not multiprocessing: its children run the main script again, or inherit the threads of torch.
    """
    helpers = [_start_helper(job) for job in jobs]
    try:
        for helper in helpers:
            assert helper.stdout is not None
            answer = helper.stdout.read()  # until the helper ends
            if helper.wait():
                raise DataError(os.fsdecode(answer) or f"Decoding the images ended early: status {helper.returncode}.")
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()


def _start_helper(job: _Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "core.imagefolder"]
    helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_PROJECT)
    assert helper.stdin is not None
    with helper.stdin:
        pickle.dump(job, helper.stdin)
    return helper


def _run_job() -> int:
    """The helper process: a job on its input, a sentence on its output where an image cannot be decoded."""
    job: _Job = pickle.load(sys.stdin.buffer)
    try:
        _fill(job.array, job.start, job.paths, job.size)
    except DataError as error:
        sys.stdout.buffer.write(os.fsencode(str(error)))
        return 1
    return 0


# The cache


def cached_images(listing: FolderListing, size: int) -> tuple[Pixels, str]:
    """All images of `listing.files` as (n, size, size, 3), and their SHA-256; decoded only where a file changed.

    The array is mapped from a file and cannot be written to. Raises `DataError` naming an image that cannot be decoded.
    """
    _check_memory(len(listing.files) * size * size * 3)
    key = _cache_key(listing, size)
    folder = data_folder() / "cache" / key
    found = _read_cache(folder)
    if found:
        return found
    with lock_for(f"cache-{key}"):
        found = _read_cache(folder)  # another process may have made it while we waited
        if not found:
            _write_cache(listing, size, folder)
            found = _read_cache(folder)
    if not found:
        raise DataError(f"The decoded images in {folder} cannot be read back; is the disk damaged?")
    return found


def digest_of(array: npt.NDArray[Any]) -> str:
    """SHA-256 of the values."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def delete_caches() -> int:
    """Removes all decoded copies, which are made again when needed; returns the bytes freed."""
    folder = data_folder() / "cache"
    freed = folder_bytes(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return freed


def _cache_key(listing: FolderListing, size: int) -> str:
    digest = hashlib.sha256(json.dumps([_DECODER_VERSION, str(listing.root), size, listing.test is not None]).encode())
    for file in listing.files:
        digest.update(os.fsencode(f"{file.path}\0{file.label}\0{file.size}\0{file.mtime_ns}\n"))
    return digest.hexdigest()[:32]


def _read_cache(folder: Path) -> tuple[Pixels, str] | None:
    about = read_json(folder / "about.json")
    if about is None:
        return None
    try:
        # Mapped, not read: the parts of a split are copied out of it, and twice the images need not fit.
        pixels: Pixels = np.load(folder / "images.npy", mmap_mode="r")
    except (OSError, ValueError):
        return None
    digest = digest_of(pixels)
    if digest != about.get("sha256"):
        logger.warning("The decoded images in %s are damaged; decoding again.", folder)
        return None
    return pixels, digest


def _write_cache(listing: FolderListing, size: int, folder: Path) -> None:
    aside = work_folder() / f"{folder.name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        _check_room(len(listing.files) * size * size * 3, aside)
        _decode_all(listing, size, aside / "images.npy")
        digest = digest_of(np.load(aside / "images.npy", mmap_mode="r"))
        write_json(aside / "about.json", {"sha256": digest, "root": str(listing.root), "image_size": size})
        _delete_older(folder.parent, str(listing.root), size)
        folder.parent.mkdir(exist_ok=True)
        aside.rename(folder)
    except OSError as error:
        raise DataError(f"The decoded images cannot be kept in {data_folder()}: {error.strerror}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_memory(needed: int) -> None:
    if needed > _free_memory():
        raise DataError(
            f"The images need {needed / 1e9:.1f} GB of memory at this size; {_free_memory() / 1e9:.1f} GB are free. "
            "Choose a smaller data.image_size."
        )


def _free_memory() -> int:
    return int(psutil.virtual_memory().available)


def _check_room(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"The decoded images need {needed / 1e9:.1f} GB in {data_folder()}; {free / 1e9:.1f} GB are free."
        )


def _delete_older(caches: Path, root: str, size: int) -> None:
    """A folder that changed leaves a copy behind that nobody will ask for again."""
    for folder in caches.iterdir() if caches.is_dir() else ():
        about = read_json(folder / "about.json")
        if about is None or (about.get("root"), about.get("image_size")) == (root, size):
            shutil.rmtree(folder, ignore_errors=True)


def sample_images(files: Sequence[ImageFile], root: Path, size: int) -> Pixels:
    """A few images, decoded here and now, as (n, size, size, 3)."""
    return np.stack([decode_image(root / file.path, size) for file in files])


if __name__ == "__main__":
    sys.exit(_run_job())
