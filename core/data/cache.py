"""The decoded images of a folder, kept as one verified array: the second start reads it in under a second."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.data.decoding import DECODER_VERSION, TALLIED, Look, Pixels, decode_files, decode_here, tally_of
from core.data.folder import FolderListing, ImageFile
from core.data.shades import Scale, Scales
from core.data.store import (
    DataError,
    data_folder,
    folder_bytes,
    lock_for,
    temporary_folder,
    try_lock,
    work_folder,
)
from core.spec import DataSpec
from core.system.files import find_note, write_json
from core.system.memory import available_memory
from core.system.names import readable
from core.text.formats import format_bytes

logger = logging.getLogger(__name__)

_ABOUT, _IMAGES = "about.json", "images.npy"
_NAMED = 3  # damaged images in a message
_CHUNK = 10_000


class Fault(NamedTuple):
    """An image of a folder that cannot be decoded, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{readable(self.path)} ({self.reason})"


@dataclass(frozen=True)
class Decoded:
    """The images of a folder that can be decoded, as pixels (n, size, size, 3), and the `faults` of the others."""

    pixels: Pixels
    digest: str
    scales: Scales
    faults: tuple[Fault, ...] = ()


def cached_images(listing: FolderListing, spec: DataSpec) -> Decoded:
    """All images that can be decoded, and their SHA-256; they are decoded only if a file changed.

    The array is mapped from a file and cannot be written to. Raises `DataError` naming the images that cannot be
    decoded, unless the spec leaves them out and others are left.
    """
    needed, free = _count_bytes(listing, spec), available_memory()
    if needed > free:
        raise DataError(
            f"The images need {format_bytes(needed)} of memory at this size; {format_bytes(free)} are free. "
            "Choose a smaller data.image_size."
        )
    decoded = find_decoded(listing, spec)
    if not decoded:
        key = cache_key(listing, spec)
        with lock_for(f"cache-{key}"):
            decoded = find_decoded(listing, spec)  # another process may have made it while we waited
            if not decoded:
                _write_cache(listing, spec, cache_folder(key))
                decoded = find_decoded(listing, spec)
    if not decoded:
        raise DataError(f"The decoded images in {data_folder()} cannot be read back; is the disk damaged?")
    _refuse_faults(decoded.faults, len(listing.files), spec)
    return decoded


def find_decoded(listing: FolderListing, spec: DataSpec) -> Decoded | None:
    """What `cached_images` has kept of these images, whatever the spec says of damaged ones."""
    return _read_cache(cache_folder(cache_key(listing, spec)))


def count_decoded(key: str) -> int:
    """About how many images of a copy that is being made are decoded."""
    try:
        return TALLIED * os.stat(tally_of(work_folder() / f"{key}.part" / _IMAGES)).st_size
    except OSError:
        return 0


def decode_listing(listing: FolderListing, spec: DataSpec) -> Decoded:
    """The same as `cached_images` without a copy on the disk, in this process."""
    look = Look(spec.image_size, spec.ground)
    pixels, found, scales = decode_here([str(listing.root / file.path) for file in listing.files], look)
    faults = _name_faults(listing, found)
    _refuse_faults(faults, len(listing.files), spec)
    pixels = np.delete(pixels, list(found), axis=0) if found else pixels
    return Decoded(pixels, digest_of(pixels), scales, faults)


def sample_images(listing: FolderListing, files: Sequence[ImageFile], spec: DataSpec) -> tuple[Pixels, list[int]]:
    """A few images of a folder, decoded here and now, as (n, size, size, 3), and the places of those that are damaged.

    Deep grey values are scaled as in the whole folder where it was decoded before, else by the range of these few.
    """
    about = find_note(cache_folder(cache_key(listing, spec)) / _ABOUT) or {}
    look = Look(spec.image_size, spec.ground, _read_scales(about))
    pixels, faults, _ = decode_here([str(listing.root / file.path) for file in files], look)
    named = [Fault(files[place].path, reason) for place, reason in faults.items()]
    _refuse_faults(named, len(files), spec)
    return pixels, list(faults)


def _refuse_faults(faults: Sequence[Fault], images: int, spec: DataSpec) -> None:
    """Raises `DataError` where images cannot be decoded, unless the spec leaves them out and others are left."""
    if faults and (spec.damaged == "refuse" or len(faults) == images):
        raise DataError(tell_faults(faults, images))


def tell_faults(faults: Sequence[Fault], images: int) -> str:
    """Why a training cannot start: the first images that cannot be decoded, how many there are, and the ways on."""
    them = "it" if len(faults) == 1 else "them"
    ways = f"Mend or remove {them}"
    ways += f", or leave {them} out by Damaged images (data.damaged=leave_out)." if len(faults) < images else "."
    if len(faults) == 1:
        return f"The image {readable(faults[0].path)} cannot be decoded: {faults[0].reason}. {ways}"
    named, more = "; ".join(map(str, faults[:_NAMED])), len(faults) - _NAMED
    rest = f"; and {more:,} more: Build or the command data check lists them" if more > 0 else ""
    return f"{len(faults):,} of {images:,} images cannot be decoded: {named}{rest}. {ways}"


def parts_of(listing: FolderListing) -> dict[str, tuple[ImageFile, ...]]:
    """The images that a folder keeps apart, by `train`, `val` and `test`, in the order of `listing.files`."""
    parts = {"train": listing.train, "val": listing.val, "test": listing.test}
    return {name: files for name, files in parts.items() if files is not None}


def leave_out(listing: FolderListing, faults: Sequence[Fault]) -> FolderListing:
    """The listing without these images. Raises `DataError` if a part has none left, or a class none to train on."""
    if not faults:
        return listing
    paths = {fault.path for fault in faults}
    parts: dict[str, Any] = {
        name: tuple(file for file in files if file.path not in paths) for name, files in parts_of(listing).items()
    }
    left = {file.label for file in parts["train"]}
    if gone := [name for label, name in enumerate(listing.classes) if label not in left]:
        raise DataError(f"No image of the class {gone[0]} in {listing.root} can be decoded.")
    if empty := [name for name, files in parts.items() if not files]:
        raise DataError(f"No image of the {empty[0]} part in {listing.root} can be decoded.")
    return replace(listing, **parts)


def _name_faults(listing: FolderListing, found: Mapping[int, str]) -> tuple[Fault, ...]:
    return tuple(Fault(listing.files[place].path, reason) for place, reason in found.items())


def _count_bytes(listing: FolderListing, spec: DataSpec) -> int:
    return len(listing.files) * spec.image_size**2 * 3


def digest_of(array: npt.NDArray[Any]) -> str:
    """SHA-256 of the values."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def delete_caches() -> int:
    """Removes all decoded copies, which are made again when needed; returns the bytes freed."""
    _clear_abandoned()
    freed = cache_bytes()
    shutil.rmtree(data_folder() / "cache", ignore_errors=True)
    return freed


def cache_folder(key: str) -> Path:
    return data_folder() / "cache" / key


def cache_key(listing: FolderListing, spec: DataSpec) -> str:
    """A name for these files as they are now, decoded as the spec wants them."""
    about = [DECODER_VERSION, str(listing.root), spec.image_size, spec.ground, sorted(parts_of(listing))]
    lines = [f"{file.path}\0{file.label}\0{file.size}\0{file.mtime_ns}" for file in listing.files]
    return hashlib.sha256(os.fsencode("\n".join([json.dumps(about), *lines]))).hexdigest()[:32]


def _read_cache(folder: Path) -> Decoded | None:
    about = find_note(folder / _ABOUT)
    if about is None:
        return None
    try:
        # Mapped, not read: the parts of a split are copied out of it, and twice the images need not fit.
        pixels: Pixels = np.load(folder / _IMAGES, mmap_mode="r")
    except (OSError, ValueError):
        return None
    digest = digest_of(pixels)
    if digest != about.get("sha256"):
        logger.warning("The decoded images in %s are damaged; decoding again.", folder)
        return None
    faults = (Fault(os.fsdecode(bytes.fromhex(path)), reason) for path, reason in about.get("faults", ()))
    return Decoded(pixels, digest, _read_scales(about), tuple(faults))


def _read_scales(about: Mapping[str, Any]) -> Scales:
    return {kind: Scale(*scale) for kind, scale in about.get("scales", {}).items()}


def _write_cache(listing: FolderListing, spec: DataSpec, folder: Path) -> None:
    _clear_abandoned()
    root, size, kind = str(listing.root), spec.image_size, _identify(listing, spec)
    try:
        with temporary_folder(folder.name) as temporary:
            _check_room(_count_bytes(listing, spec), temporary)
            logger.info("Decoding %s images of %s once.", f"{len(listing.files):,}", readable(root))
            paths, array = [str(listing.root / file.path) for file in listing.files], temporary / _IMAGES
            found, scales = decode_files(paths, Look(size, spec.ground), array)
            tally_of(array).unlink(missing_ok=True)
            _drop_rows(array, found)
            about = {
                "sha256": digest_of(np.load(array, mmap_mode="r")),
                **kind,
                "scales": scales,
                # Names as their bytes, which need not be text.
                "faults": [(os.fsencode(path).hex(), reason) for path, reason in _name_faults(listing, found)],
            }
            write_json(temporary / _ABOUT, about)
            _delete_older(folder.parent, kind)
            folder.parent.mkdir(exist_ok=True)
            temporary.rename(folder)
    except OSError as error:
        raise DataError(f"The decoded images cannot be kept in {data_folder()}: {error.strerror}.") from error


def _drop_rows(array: Path, places: Collection[int]) -> None:
    """Takes the images at these places out of the file."""
    if not places:
        return
    pixels = np.load(array, mmap_mode="r")
    kept, whole = np.setdiff1d(np.arange(len(pixels)), list(places)), array.with_name("whole.npy")
    array.rename(whole)
    shape = (len(kept), *pixels.shape[1:])
    target = np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=shape)
    for start in range(0, len(kept), _CHUNK):
        target[start : start + _CHUNK] = pixels[kept[start : start + _CHUNK]]
    target.flush()
    whole.unlink()


def _clear_abandoned() -> None:
    """Removes half-made copies of processes that were killed: their lock is free."""
    for folder in work_folder().glob("*.part"):
        name = f"cache-{folder.stem}"
        if (work_folder() / f"{name}.lock").exists() and (lock := try_lock(name)):
            with lock:
                shutil.rmtree(folder, ignore_errors=True)


def _check_room(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        room = f"{format_bytes(needed)} in {data_folder()}; {format_bytes(free)} are free"
        raise DataError(f"The decoded images need {room}.")


def _identify(listing: FolderListing, spec: DataSpec) -> dict[str, Any]:
    """What tells a copy from those of other specs: it is replaced by that of a later state of the folder alone."""
    return {
        "root": str(listing.root),
        "image_size": spec.image_size,
        "ground": spec.ground,
        "folder_parts": spec.folder_parts.strip(),
    }


def _delete_older(caches: Path, kind: Mapping[str, Any]) -> None:
    """Removes the copy of an earlier state of the folder, which is never used again."""
    for folder in caches.iterdir() if caches.is_dir() else ():
        about = find_note(folder / _ABOUT)
        # Copies of older versions do not name all of it.
        if about is None or all(about.get(key, value) == value for key, value in kind.items()):
            shutil.rmtree(folder, ignore_errors=True)


def cache_bytes() -> int:
    """Disk space of the decoded copies."""
    return folder_bytes(data_folder() / "cache")
