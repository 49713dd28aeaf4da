"""The decoded images of a folder, kept as one verified array: the second start reads it in under a second."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from core.data.decoding import DECODER_VERSION, Pixels, decode_files, decode_image
from core.data.folder import FolderListing, ImageFile
from core.data.store import (
    DataError,
    data_folder,
    folder_bytes,
    lock_for,
    temporary_folder,
    try_lock,
    work_folder,
)
from core.system.files import find_note, write_json

logger = logging.getLogger(__name__)


def cached_images(listing: FolderListing, size: int) -> tuple[Pixels, str]:
    """All images of `listing.files` as (n, size, size, 3), and their SHA-256; decoded only if a file changed.

    The array is mapped from a file and cannot be written to. Raises `DataError` naming an image that cannot be decoded.
    """
    needed, free = len(listing.files) * size * size * 3, _free_memory()
    if needed > free:
        raise DataError(
            f"The images need {needed / 1e9:.1f} GB of memory at this size; {free / 1e9:.1f} GB are free. "
            "Choose a smaller data.image_size."
        )
    key = _cache_key(listing, size)
    folder = data_folder() / "cache" / key
    if found := _read_cache(folder):
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
    _clear_abandoned()
    freed = cache_bytes()
    shutil.rmtree(data_folder() / "cache", ignore_errors=True)
    return freed


def _cache_key(listing: FolderListing, size: int) -> str:
    about = [DECODER_VERSION, str(listing.root), size, listing.test is not None]
    lines = [f"{file.path}\0{file.label}\0{file.size}\0{file.mtime_ns}" for file in listing.files]
    return hashlib.sha256(os.fsencode("\n".join([json.dumps(about), *lines]))).hexdigest()[:32]


def _read_cache(folder: Path) -> tuple[Pixels, str] | None:
    about = find_note(folder / "about.json")
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
    _clear_abandoned()
    try:
        with temporary_folder(folder.name) as temporary:
            _check_room(len(listing.files) * size * size * 3, temporary)
            logger.info("Decoding %s images of %s once.", f"{len(listing.files):,}", listing.root)
            decode_files([str(listing.root / file.path) for file in listing.files], size, temporary / "images.npy")
            digest = digest_of(np.load(temporary / "images.npy", mmap_mode="r"))
            write_json(temporary / "about.json", {"sha256": digest, "root": str(listing.root), "image_size": size})
            _delete_older(folder.parent, str(listing.root), size)
            folder.parent.mkdir(exist_ok=True)
            temporary.rename(folder)
    except OSError as error:
        raise DataError(f"The decoded images cannot be kept in {data_folder()}: {error.strerror}.") from error


def _clear_abandoned() -> None:
    """Removes half-made copies of processes that were killed: their lock is free."""
    for folder in work_folder().glob("*.part"):
        name = f"cache-{folder.stem}"
        if (work_folder() / f"{name}.lock").exists() and (lock := try_lock(name)):
            with lock:
                shutil.rmtree(folder, ignore_errors=True)


def _free_memory() -> int:
    return int(psutil.virtual_memory().available)


def _check_room(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"The decoded images need {needed / 1e9:.1f} GB in {data_folder()}; {free / 1e9:.1f} GB are free."
        )


def _delete_older(caches: Path, root: str, size: int) -> None:
    """Removes the copy of an earlier state of the folder, which is never used again."""
    for folder in caches.iterdir() if caches.is_dir() else ():
        about = find_note(folder / "about.json")
        if about is None or (about.get("root"), about.get("image_size")) == (root, size):
            shutil.rmtree(folder, ignore_errors=True)


def cache_bytes() -> int:
    """Disk space of the decoded copies."""
    return folder_bytes(data_folder() / "cache")


def sample_images(files: Sequence[ImageFile], root: Path, size: int) -> Pixels:
    """A few images, decoded here and now, as (n, size, size, 3)."""
    return np.stack([decode_image(root / file.path, size) for file in files])
