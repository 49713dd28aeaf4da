"""Labelled images of arrays: .npz files as MedMNIST, Keras and people name their arrays, and CIFAR's binary batches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import MAGIC_PREFIX

from core.data.decoding import Pixels
from core.data.own_images import MAX_ARRAY_BYTES, explain_array, to_bytes, to_channels_last
from core.data.parts import read_name
from core.data.store import DataError
from core.system.names import canonical
from core.text.words import count_of

Array = npt.NDArray[Any]

_IMAGE_WORDS = {"x", "image", "images", "img", "imgs", "data", "pixels"}
_LABEL_WORDS = {"y", "label", "labels", "target", "targets", "class"}
_CLASS_WORDS = {"classes", "class_names", "label_names", "names"}
MAX_CLASSES = 10_000
# A record of CIFAR's batches: the label, of CIFAR-100 before it the coarse one, then red, green and blue rows.
_CIFAR_PIXELS = 3 * 32 * 32
_MOST_LABEL = 2.0**53  # so far a float counts one by one


@dataclass(frozen=True)
class Labelled:
    """Images (n, h, w) or (n, h, w, channels), their labels (n,) as indices, and the names of all classes.

    `numbers` are the labels as the file has them; empty where it has words. `given` are the names as the file has them,
    of which `classes` are made so that folders can be called so.
    """

    images: Array
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    numbers: tuple[int, ...] = ()
    given: tuple[str, ...] = ()

    def image(self, index: int) -> Pixels:
        """(h, w) or (h, w, 3). Raises `DataError`."""
        pixels = to_bytes(np.asarray(self.images[index]))
        return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


def read_arrays(file: IO[bytes]) -> dict[str, Labelled]:
    """The parts of an .npz file: `train`, and `val` and `test` if it has them. Raises `DataError`."""
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return _find_parts({name: _read(arrays, name) for name in arrays.files})
    except (ValueError, OSError, EOFError, KeyError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"The .npz file cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from error


def read_pair(images: IO[bytes], labels: IO[bytes]) -> dict[str, Labelled]:
    """The training part of two .npy files. Raises `DataError`."""
    return _find_parts({"images": _read_file(images, "images"), "labels": _read_file(labels, "labels")})


def _read_file(file: IO[bytes], name: str) -> Array:
    """One array of a .npy file."""
    file.seek(0)
    if file.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:
        raise DataError(f"The file of the {name} is no .npy file.")
    file.seek(0)
    try:
        array: Array = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise DataError(explain_array(error, f"The .npy file of the {name}")) from error
    return array


def _read(arrays: Any, name: str) -> Array:
    try:
        array: Array = arrays[name]
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise DataError(explain_array(error, f"The array {name}")) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{name} in the file is no array.")
    if array.nbytes > MAX_ARRAY_BYTES:
        raise DataError(f"The array {name} has over {MAX_ARRAY_BYTES / 1e9:.0f} GB.")
    return array


def _find_parts(arrays: Mapping[str, Array]) -> dict[str, Labelled]:
    found: dict[str, dict[str, tuple[str, Array]]] = {}
    named: Array | None = None
    for name, array in arrays.items():
        if name.lower() in _CLASS_WORDS and array.dtype.kind in "SU" and array.ndim == 1:
            named = _to_words(name, array)
            continue
        role, kind = _read_key(name)
        if kind:
            found.setdefault(role, {}).setdefault(kind, (name, array))
    whole = {role: pair for role, pair in found.items() if set(pair) == {"images", "labels"}}
    if not whole:
        shown = ", ".join(list(arrays)[:8]) or "no arrays"
        raise DataError(
            f"The file holds {shown}; images and labels are looked for as train_images and train_labels, x_train and "
            "y_train, or images and labels, with val and test likewise."
        )
    if "train" not in whole:
        raise DataError(f"The file holds the part {min(whole)}, and no images to train on.")
    images = {role: _read_images(*pair["images"]) for role, pair in whole.items()}
    labels = {role: _read_labels(*pair["labels"], len(images[role])) for role, pair in whole.items()}
    for role, part in labels.items():
        if len(unknown := np.setdiff1d(part, labels["train"])):
            raise DataError(f"The {role} part holds the label {unknown[0]}, which no training image has.")
    values = np.unique(np.concatenate([np.unique(part) for part in labels.values()]))
    about = _describe_classes(values, named)
    return {
        role: Labelled(images[role], np.searchsorted(values, labels[role]), *about)
        for role in ("train", "val", "test")
        if role in whole
    }


def _read_key(name: str) -> tuple[str, str]:
    """The part and the kind of an array by its name; an empty kind for what is neither images nor labels."""
    role, kind = "train", ""
    for word in re.split(r"[^a-z0-9]+", name.lower()):
        if (told := read_name(word).role) in ("train", "val", "test"):
            role = told
        elif word in _IMAGE_WORDS:
            kind = kind or "images"
        elif word in _LABEL_WORDS:
            kind = "labels"
    return role, kind


def _read_images(name: str, array: Array) -> Array:
    if array.ndim > 4 or (array.ndim == 4 and not {1, 3} & {array.shape[1], array.shape[3]}):
        raise DataError(
            f"The array {name} has the shape {_shape_of(array)}: volumes, or images with other than one or three "
            "channels. A network is trained here on flat images: (n, h, w), (n, h, w, 1) or (n, h, w, 3)."
        )
    try:
        return to_channels_last(array)
    except DataError as error:
        raise DataError(str(error).replace("The array", f"The array {name}", 1)) from None


def _shape_of(array: Array) -> str:
    return " x ".join(map(str, array.shape)) or "of a single value"


def _read_labels(name: str, array: Array, images: int) -> Array:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    elif array.ndim == 2 and _is_one_hot(array):
        array = array.argmax(axis=1)
    if array.ndim != 1:
        raise DataError(_explain_labels(name, array))
    if len(array) != images:
        raise DataError(f"The array {name} holds {len(array):,} labels for {images:,} images.")
    if array.dtype.kind in "iuf" and len(large := array[abs(array.astype(np.float64)) > _MOST_LABEL]):
        raise DataError(f"The array {name} holds the label {large[0]:g}; labels are whole numbers up to 2^53.")
    if array.dtype.kind == "f" and np.array_equal(array, np.trunc(array)):
        array = array.astype(np.int64)
    if array.dtype.kind == "S":
        array = _to_words(name, array)
    if array.dtype.kind not in "iuUb":
        raise DataError(f"The array {name} holds {array.dtype} values; labels are whole numbers or words.")
    # Of one type in all parts: of uint64 and int64 numpy would make fractions.
    return array if array.dtype.kind == "U" else array.astype(np.int64)


def _is_one_hot(array: Array) -> bool:
    """Whether each row (classes,) has a single 1 among zeros, as Keras' `to_categorical` writes a class."""
    is_one = array == 1
    return array.dtype.kind in "biuf" and bool(((array == 0) | is_one).all() and (is_one.sum(axis=1) == 1).all())


def _explain_labels(name: str, array: Array) -> str:
    several = array.ndim == 2 and array.dtype.kind in "biu"
    what = f": {array.shape[1]:,} labels an image (multi-label)" if several else ""
    return f"The array {name} has the shape {_shape_of(array)}{what}; a network is trained here on one class an image."


def _to_words(name: str, array: Array) -> Array:
    """Byte strings as text."""
    if array.dtype.kind == "U":
        return array
    try:
        return np.strings.decode(array, "utf-8")
    except UnicodeDecodeError:
        raise DataError(f"The array {name} holds bytes that are no text in UTF-8.") from None


def _describe_classes(values: Array, named: Array | None) -> tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]]:
    """The names, numbers and given names of the classes with these labels, as `Labelled` has them."""
    given = _name_classes(values, named)
    numbers = () if values.dtype.kind == "U" else tuple(map(int, values))
    safe = tuple(canonical(re.sub(r"[\x00-\x1f/\\:]", "_", name).strip(" .")[:80]) for name in given)
    if len({name.casefold() for name in safe}) < len(safe) or "" in safe:
        raise DataError("Two classes have one name, or none: give each a name of its own.")
    return safe, numbers, given


def _name_classes(values: Array, named: Array | None) -> tuple[str, ...]:
    """Words as they are; numbers by the names that the file gives, else with zeros in front, so that they sort."""
    if not 2 <= len(values) <= MAX_CLASSES:
        found = count_of(len(values), "class", "classes")
        raise DataError(f"The labels name {found}; 2 to {MAX_CLASSES:,} can be told apart.")
    if values.dtype.kind == "U":
        return tuple(map(str, values))
    if named is not None and values.min() >= 0 and values.max() < len(named):
        return tuple(str(named[value]) for value in values)
    width = len(str(values.max()))
    return tuple(str(int(value)).zfill(width) for value in values)


def read_batches(files: Mapping[str, bytes]) -> dict[str, Labelled]:
    """CIFAR-10's and CIFAR-100's binary batches, by the names of their files. Raises `DataError`."""
    parts: dict[str, list[npt.NDArray[np.uint8]]] = {}
    names: list[str] = []
    for path, content in sorted(files.items()):
        name = path.rpartition("/")[2]
        if name in ("batches.meta.txt", "fine_label_names.txt"):
            lines = content.decode("utf-8", "replace").splitlines()
            names = [line.strip() for line in lines if line.strip()]  # a line a class: its name may have spaces
        elif name.endswith(".bin"):
            part = "test" if name.startswith("test") else "train"
            parts.setdefault(part, []).append(_read_records(name, content))
    if "train" not in parts:
        raise DataError("The archive holds neither images nor CIFAR's binary batches (data_batch_1.bin, train.bin).")
    records = {part: np.concatenate(read) for part, read in parts.items()}
    labels = {part: read[:, -1 - _CIFAR_PIXELS].astype(np.int64) for part, read in records.items()}
    count = int(max(part.max(initial=0) for part in labels.values())) + 1
    about = _describe_classes(np.arange(count), np.array(names) if len(names) >= count else None)
    return {
        part: Labelled(np.moveaxis(read[:, -_CIFAR_PIXELS:].reshape(-1, 3, 32, 32), 1, 3), labels[part], *about)
        for part, read in records.items()
    }


def _read_records(name: str, content: bytes) -> npt.NDArray[np.uint8]:
    """(n, 1 or 2 + 3072), a row an image."""
    sizes = [labels + _CIFAR_PIXELS for labels in ((2, 1) if name in ("train.bin", "test.bin") else (1, 2))]
    fitting = next((size for size in sizes if content and len(content) % size == 0), None)
    if fitting is None:
        raise DataError(f"{name} has {len(content):,} bytes, which is no number of CIFAR's records.")
    rows: npt.NDArray[np.uint8] = np.frombuffer(content, np.uint8).reshape(-1, fitting)
    return rows
