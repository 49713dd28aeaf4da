"""Images that somebody brings to be told apart: a folder, a zip, an array or one file; decoded piece by piece."""

from __future__ import annotations

import itertools
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from core.data.decoding import Look, Pixels, decode_image
from core.data.leftovers import SUFFIXES, is_leftover, suffix_of
from core.data.pickles import explain_pickle, is_pickle
from core.data.store import DataError
from core.data.uploads import MAX_BYTES, decode_upload
from core.system.errors import LabError
from core.system.safe_zip import MAX_DIRECTORY_BYTES, BoundedFile

# What an array may need in memory, and so a few kilobytes of a deflated one may claim.
MAX_ARRAY_BYTES = 1_000_000_000
MAX_IMAGES = 1_000_000
_MARK = b"\x93NUMPY"
_WHOLE = {".zip": "zip archive", ".npz": ".npz file", ".npy": ".npy file"}


class ChoiceError(DataError):
    """An .npz file with several arrays of images, of which one must be named; `choices` are their names."""

    def __init__(self, sentence: str, choices: Sequence[str]) -> None:
        super().__init__(sentence)
        self.choices = list(choices)


class Images(Protocol):
    """Images in a fixed order: a name for each, and its pixels on demand."""

    @property
    def names(self) -> Sequence[str]: ...

    def decode(self, index: int, look: Look) -> Pixels:
        """The image as (size, size, 3), treated as those of an image folder. Raises LabError for a damaged one."""


@dataclass(frozen=True)
class Brought:
    """Where images lie; `array` names one of several in an .npz file."""

    path: str
    array: str = ""


def name_images(brought: Brought) -> list[str]:
    """The names of the images, in their order; of an array by its header alone. Raises `DataError`."""
    return list(_open(brought, with_values=False).names)


def open_images(brought: Brought) -> Images:
    """The images of a folder, a zip, a .npy or .npz file, or of one image file. Raises `DataError`."""
    return _open(brought, with_values=True)


def _open(brought: Brought, *, with_values: bool) -> Images:
    path = Path(brought.path).expanduser()
    try:
        if path.is_dir():
            return _require_some(FolderImages(path), path)
        with path.open("rb") as file:
            start = file.read(len(_MARK))
            is_zip = zipfile.is_zipfile(file)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # a null character in the path
        raise DataError(f"There is no file {brought.path!r}.") from error
    if start == _MARK:
        return _require_some(ArrayImages(_map_array(path)), path)
    if not is_zip:
        _require_image(path, start)
        return FolderImages(path.parent, [path.name])
    if _holds_arrays(path):
        return _require_some(ArrayImages(_read_array(path, brought.array, with_values=with_values)), path)
    return _require_some(ZipImages(path), path)


def _require_image(path: Path, start: bytes) -> None:
    """Raises `DataError` for what its name says to be an archive or an array, and is neither."""
    if not start:
        raise DataError(f"{path.name} is empty.")
    if is_pickle(start):
        raise DataError(explain_pickle(path.name))
    if path.suffix.lower() in _WHOLE:
        raise DataError(f"{path.name} is no {_WHOLE[path.suffix.lower()]}, or only part of one.")


def _require_some(images: Images, path: Path) -> Images:
    if not len(images.names):
        raise DataError(f"{path.name} holds no images ({', '.join(sorted(SUFFIXES))}).")
    return images


def keep_files(files: Sequence[tuple[str, bytes]], folder: Path) -> Path:
    """Writes uploaded files, by name and content, as one that `open_images` can read. Raises `DataError`."""
    suffix = os.path.splitext(files[0][0])[1].lower()
    try:
        if len(files) == 1 and suffix in (".zip", ".npy", ".npz"):
            path = folder / f"images{suffix}"
            path.write_bytes(files[0][1])
            return path
        mixed = [name for name, _ in files if not is_image(name)]
        if mixed:
            raise DataError(f"{mixed[0]} is no image: drop images, or one zip or array by itself.")
        path = folder / "images.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, index in _tell_apart([name for name, _ in files]):
                archive.writestr(name, files[index][1])
    except OSError as error:
        raise DataError(f"The images could not be kept: {error.strerror}.") from error
    return path


def _tell_apart(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each name with its index, numbered where it was there before."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        stem, suffix = os.path.splitext(name)
        numbers = (f"{stem} ({count}){suffix}" for count in itertools.count(2))
        unique = name if name not in seen else next(other for other in numbers if other not in seen)
        seen.add(unique)
        yield unique, index


def decode_some(images: Images, start: int, count: int, look: Look) -> tuple[Pixels, dict[int, str]]:
    """Up to `count` images from `start` on as (n, size, size, 3), and for each that cannot be read, by index, why."""
    stop = min(start + count, len(images.names))
    pixels, faults = np.zeros((max(stop - start, 0), look.size, look.size, 3), np.uint8), {}
    for index in range(start, stop):
        try:
            pixels[index - start] = images.decode(index, look)
        except LabError as error:
            faults[index] = str(error)
    return pixels, faults


def sort_as_read(names: Sequence[str]) -> list[str]:
    """Names in the order in which people count them: 2.png before 10.png."""
    return sorted(names, key=lambda name: ([_as_counted(part) for part in re.split(r"(\d+)", name)], name))


def _as_counted(part: str) -> tuple[int, str]:
    return (int(part), "") if part.isdecimal() and len(part) < 20 else (-1, part.casefold())


def is_image(name: str) -> bool:
    """Whether a path with slashes names an image, by its suffix; what begins with a dot is none."""
    parts = name.split("/")
    return not any(is_leftover(part) for part in parts) and suffix_of(parts[-1]) in SUFFIXES


class FolderImages:
    """All images below a folder, or those of the given names."""

    def __init__(self, root: Path, names: Sequence[str] | None = None) -> None:
        self.root = root
        self.names = sort_as_read(_walk(root)) if names is None else names

    def decode(self, index: int, look: Look) -> Pixels:
        return decode_image(self.root / self.names[index], look)


def _walk(root: Path) -> list[str]:
    def refuse(error: OSError) -> None:
        raise DataError(f"The folder {error.filename} cannot be read: {error.strerror}.") from error

    below = [os.path.join(folder, name) for folder, _, names in os.walk(root, onerror=refuse) for name in names]
    relative = [os.path.relpath(path, root).replace(os.sep, "/") for path in below]
    return [name for name in relative if is_image(name)]


class ZipImages:
    """All images of an archive, read out of it one by one; nothing is unpacked to the disk. Raises `DataError`."""

    def __init__(self, path: Path) -> None:
        self.archive = _open_zip(path)
        self.members = {member.filename: member for member in self.archive.infolist() if not member.is_dir()}
        self.names = sort_as_read([name for name in self.members if is_image(name)])

    def decode(self, index: int, look: Look) -> Pixels:
        name = self.names[index]
        if self.members[name].file_size > MAX_BYTES:
            raise DataError(f"The image {name} has over {MAX_BYTES / 1e6:.0f} MB.")
        try:
            content = self.archive.read(name)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"The image {name} cannot be read from the archive: {str(error).rstrip('.')}.") from error
        return decode_upload(content, look)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        file: IO[bytes] = path.open("rb")
        return zipfile.ZipFile(BoundedFile(file, MAX_DIRECTORY_BYTES, DataError))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise DataError(f"{path.name} is no zip archive that can be read: {error}.") from error


class ArrayImages:
    """Images of an array, named by their index. Raises `DataError` for one that holds no images."""

    def __init__(self, array: npt.NDArray[np.generic]) -> None:
        if len(array.shape) and len(array) > MAX_IMAGES:
            raise DataError(f"The array holds {len(array):,} images; at most {MAX_IMAGES:,} can be answered.")
        self.array = to_channels_last(array)
        self.names = [str(index) for index in range(len(array))]

    def decode(self, index: int, look: Look) -> Pixels:
        pixels = to_bytes(np.asarray(self.array[index]))
        mode = "L" if pixels.ndim == 2 or pixels.shape[2] == 1 else "RGB"
        image = Image.fromarray(pixels.reshape(pixels.shape[:2]) if mode == "L" else pixels).convert("RGB")
        size = (look.size, look.size)
        if image.size != size:
            image = ImageOps.fit(image, size, Image.Resampling.BILINEAR)
        return np.asarray(image)


def to_channels_last(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """(n, h, w) or (n, h, w, 1 or 3), also from (n, 1 or 3, h, w). Raises `DataError`."""
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = np.moveaxis(array, 1, 3)
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)) or 0 in array.shape:
        shape = " x ".join(map(str, array.shape)) or "of a single value"
        raise DataError(f"The array has the shape {shape}; images are (n, h, w), (n, h, w, 1) or (n, h, w, 3).")
    if array.dtype != np.uint8 and array.dtype.kind != "f" and array.dtype != np.bool_:
        raise DataError(f"The array holds {array.dtype} values; images are bytes (uint8), or floats from 0 to 1.")
    return array


def to_bytes(pixels: npt.NDArray[np.generic]) -> Pixels:
    if pixels.dtype == np.uint8:
        return pixels  # type: ignore[return-value]
    values = pixels.astype(np.float64)
    if np.isnan(values).any():
        raise DataError("An image holds values that are no numbers (NaN).")
    if not (values.min() >= 0 and values.max() <= 1):
        raise DataError(f"An image's values run from {values.min():g} to {values.max():g}; floats must be from 0 to 1.")
    return np.round(values * 255).astype(np.uint8)


def _holds_arrays(path: Path) -> bool:
    """Whether it is an .npz file. Raises `DataError` for one without images."""
    if list_arrays(path):
        return True
    with _open_zip(path) as archive:
        names = archive.namelist()
    if names and all(name.endswith(".npy") for name in names):
        shown = ", ".join(name.removesuffix(".npy") for name in names[:8])
        raise DataError(f"{path.name} holds {shown}, and no array of images: (n, h, w), (n, h, w, 1) or (n, h, w, 3).")
    return False


def explain_array(error: Exception, what: str) -> str:
    """Why an array cannot be read; numpy's own words would advise reading it by pickle."""
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        return f"{what} holds Python objects, which are not read: save plain numbers, or words as text."
    if isinstance(error, MemoryError):
        return f"{what} needs more memory than there is."
    return f"{what} is damaged or only part of one."


def list_arrays(path: Path) -> list[str]:
    """Names of the arrays in an .npz file that may be images, by their headers; none of any other zip.

    Raises `DataError` for an archive that cannot be read.
    """
    found = []
    with _open_zip(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if not all(member.filename.endswith(".npy") for member in members):
            return []
        for member in members:
            shape, _ = _read_header(archive, member)
            if len(shape) in (3, 4):
                found.append(member.filename.removesuffix(".npy"))
    return found


def _read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Its shape and the type of its values; an empty shape for a member that is no plain array."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            shape, _, dtype = readers[version](file)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return (), np.dtype(np.uint8)
    return () if dtype.hasobject else shape, dtype


def _map_array(path: Path) -> npt.NDArray[np.generic]:
    try:
        array: npt.NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(explain_array(error, f"The array {path.name}")) from error
    return array


def _read_array(path: Path, name: str, *, with_values: bool) -> npt.NDArray[np.generic]:
    choices = list_arrays(path)
    if not name and len(choices) == 1:
        name = choices[0]
    if name not in choices:
        what = f"no array of images {name!r}" if name else f"{len(choices)} arrays of images"
        raise ChoiceError(f"{path.name} holds {what}; name one of {', '.join(choices)}.", choices)
    with _open_zip(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.file_size > MAX_ARRAY_BYTES:
            raise DataError(f"The array {name} has over {MAX_ARRAY_BYTES / 1e9:.0f} GB.")
        if not with_values:  # all equal, and no memory is taken for them
            shape, dtype = _read_header(archive, member)
            return np.broadcast_to(np.zeros((), dtype), shape)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found: npt.NDArray[np.generic] = arrays[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise DataError(explain_array(error, f"The array {name} of {path.name}")) from error
    return found
