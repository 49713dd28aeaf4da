"""The images of a spec as bytes in memory, split into training, validation and test."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from core.data.cache import Decoded, Fault, cached_images, digest_of, leave_out, sample_images
from core.data.catalogue import DATASETS, check_classes, check_ready
from core.data.channels import to_colour, to_grey
from core.data.class_numbers import read_numbers
from core.data.digits import read_digits
from core.data.folder import FolderListing, ImageFile, list_images
from core.data.notes import list_left_out
from core.data.shades import Scales
from core.data.source import Source, find_images
from core.data.splits import Split, split_others
from core.data.store import DataError, folder_of
from core.spec import CHOICE_LABELS, DataSpec

PerChannel = tuple[float, ...]

_RESIZE_CHUNK = 1000


@dataclass(frozen=True)
class ImageSet:
    """Images as bytes, (n, c, size, size) uint8 in channels_last order, and their classes, (n,) int64.

    Of c channels: 3, or 1 where the spec has them grey.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Images (b, c, size, size) and labels (b,) at `indices` (b,), ten times as fast as indexing."""
        # In channels_last order an image is one block of memory: index_select then copies whole images.
        chosen = self.images.permute(0, 2, 3, 1).index_select(0, indices)
        return chosen.permute(0, 3, 1, 2), self.labels.index_select(0, indices)

    def to(self, device: torch.device | str) -> ImageSet:
        return ImageSet(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Data:
    """A data set that is split and ready to train on; `mean` and `std` (0 to 1) are of the training part.

    `left_out` are damaged images, `scales` those of grey values of more than eight bits, for images from elsewhere;
    `class_numbers` as in `Source`.
    """

    train: ImageSet
    val: ImageSet
    test: ImageSet
    class_names: tuple[str, ...]
    mean: PerChannel
    std: PerChannel
    fingerprint: str
    left_out: tuple[Fault, ...] = ()
    scales: Scales | None = None
    class_numbers: tuple[int, ...] = ()

    def to(self, device: torch.device | str) -> Data:
        parts = {name: getattr(self, name).to(device) for name in ("train", "val", "test")}
        return replace(self, **parts)


def load_data(spec: DataSpec) -> Data:
    """Reads, resizes and splits; the same spec and files give the same data everywhere. Raises `DataError`."""
    entry = DATASETS[spec.dataset]
    if entry.download:
        check_ready(spec)
    read: Callable[[DataSpec], Source] = resolve_name(entry.reader)
    return arrange(read(spec), spec, list_left_out(spec.without))


def arrange(source: Source, spec: DataSpec, without: Collection[str] = ()) -> Data:
    """Splits the images but those named in `without`, resizes them and measures the training part.

    Raises `DataError`.
    """
    num_classes, own = len(source.class_names), {"num_test": source.num_test, "num_val": source.num_val}
    gone = find_images(source.names, len(source.labels), without)
    parts = split_others(spec, source.labels, num_classes, gone, **own)
    train, val, test = (_pick(source, indices, spec) for indices in (parts.train, parts.val, parts.test))
    mean, std = measure(train.images)
    return Data(
        train,
        val,
        test,
        source.class_names,
        mean,
        std,
        _fingerprint(source, parts, spec),
        source.left_out,
        source.scales,
        source.class_numbers,
    )


def load_sample(spec: DataSpec, count: int) -> ImageSet:
    """Up to `count` training images of all classes; from a folder only these are decoded. Raises `DataError`."""
    if spec.dataset != "folder":
        train = load_data(spec).train
        return ImageSet(*train.take(torch.linspace(0, len(train) - 1, min(count, len(train))).long()))
    check_ready(spec)
    listing = list_images(spec.folder, spec.folder_parts)
    files: Sequence[ImageFile] = listing.train
    if len(files) > count:  # every k-th of them, as they are sorted by class
        files = [files[index * len(files) // count] for index in range(count)]
    pixels, damaged = sample_images(listing, files, spec)
    sound = torch.tensor([place not in damaged for place in range(len(files))])
    images = _to_tensor(pixels, spec)
    return ImageSet(images[sound], torch.tensor([file.label for file in files])[sound])


def measure(images: Tensor) -> tuple[PerChannel, PerChannel]:
    """Mean and standard deviation of each channel of (n, c, s, s) bytes, on the scale 0 to 1.

    Sums of integers, so the result is exact and does not depend on threads or machines.
    """
    channels = images.shape[1]
    count, total, squares = images[:, 0].numel(), [0] * channels, [0] * channels
    for chunk in torch.split(images, _RESIZE_CHUNK):
        for channel in range(channels):
            values = np.bincount(chunk[:, channel].reshape(-1).numpy(), minlength=256)
            total[channel] += int(values @ np.arange(256))
            squares[channel] += int(values @ np.arange(256) ** 2)
    means = [value / count for value in total]
    # A channel that never changes would divide by zero.
    stds = [max(square / count - mean**2, 0.0) ** 0.5 / 255 or 1.0 for square, mean in zip(squares, means, strict=True)]
    return tuple(mean / 255 for mean in means), tuple(stds)


def resize(images: Tensor, size: int) -> Tensor:
    """Bilinear, with antialiasing when it shrinks: (n, c, h, w) bytes -> (n, c, size, size) bytes."""
    if images.shape[2:] == (size, size):
        return images
    parts = [
        F.interpolate(part, (size, size), mode="bilinear", antialias=True)
        for part in torch.split(images, _RESIZE_CHUNK)
    ]
    return torch.cat(parts).contiguous(memory_format=torch.channels_last)


def _pick(source: Source, indices: npt.NDArray[np.int64], spec: DataSpec) -> ImageSet:
    # A copy in memory, even if the images are mapped from a file.
    images = _to_tensor(np.asarray(source.images[indices]), spec)
    return ImageSet(resize(images, spec.image_size), torch.from_numpy(source.labels[indices]))


def _to_tensor(pixels: npt.NDArray[np.uint8], spec: DataSpec) -> Tensor:
    """(n, h, w, 3) -> (n, c, h, w) in channels_last order, of the channels that the spec has."""
    return torch.from_numpy(to_grey(pixels) if spec.num_channels == 1 else pixels).permute(0, 3, 1, 2)


def _fingerprint(source: Source, parts: Split, spec: DataSpec) -> str:
    # Of colours nothing is said, as before there was a choice: the fingerprints of earlier runs stay.
    colour = " grey" if spec.num_channels == 1 else ""
    digest = hashlib.sha256(f"{source.digest} {spec.image_size}{colour}".encode())
    for values in (source.labels, parts.train, parts.val, parts.test):
        digest.update(values.astype("<i8").tobytes())
    return digest.hexdigest()


def read_builtin_digits(_: DataSpec) -> Source:
    return make_digits(*read_digits())


def make_digits(images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Source:
    """scikit-learn's digits: (1797, 8, 8) from 0 to 16 -> grey in three equal channels."""
    grey = np.round(images * (255 / 16)).astype(np.uint8)
    pixels = to_colour(grey[..., None])  # (1797, 8, 8, 3)
    return Source(pixels, labels.astype(np.int64), 0, tuple("0123456789"), digest_of(pixels))


def read_image_folder(spec: DataSpec) -> Source:
    """The images of the spec's folder, decoded. Raises `DataError`."""
    listing = list_images(spec.folder, spec.folder_parts)
    check_classes(spec, len(listing.classes))
    numbers = read_numbers(listing.root, listing.classes)  # before the minutes that decoding may take
    return replace(make_folder(listing, cached_images(listing, spec)), class_numbers=numbers)


def make_folder(listing: FolderListing, decoded: Decoded) -> Source:
    """The images of a folder that could be decoded. Raises `DataError` if too few could."""
    listing = leave_out(listing, decoded.faults)
    labels = np.array([file.label for file in listing.files], dtype=np.int64)
    return Source(
        images=decoded.pixels,
        labels=labels,
        num_test=len(listing.test or ()),
        class_names=listing.classes,
        digest=decoded.digest,
        num_val=len(listing.val or ()),
        left_out=decoded.faults,
        scales=decoded.scales,
        names=tuple(file.path for file in listing.files),
    )


def read_downloaded(spec: DataSpec) -> Source:
    """A data set of torchvision's in the data folder. Raises `DataError` if its files are damaged."""
    folder = folder_of(spec.dataset)
    try:
        return read_torchvision(spec.dataset, folder)
    except (OSError, RuntimeError, ValueError, LookupError, AssertionError) as error:
        title = CHOICE_LABELS[spec.dataset]
        raise DataError(f"The files of {title} in {folder} are damaged: delete them and download again.") from error


def read_torchvision(name: str, folder: str | Path, *, download: bool = False) -> Source:
    """torchvision's data set of this name, in lower case, whose parts are chosen by `train` or by `split`.

    Raises RuntimeError if files are missing or damaged.
    """
    from torchvision import datasets  # a second that the other data sets need not wait for

    kind = getattr(datasets, {title.lower(): title for title in datasets.__all__}[name])
    by_train = "train" in inspect.signature(kind).parameters
    own, test = (
        kind(folder, download=download, **({"train": part == "train"} if by_train else {"split": part}))
        for part in ("train", "test")
    )
    images = np.concatenate([_to_pixels(part.data) for part in (own, test)])
    labels = np.concatenate([part.targets if hasattr(part, "targets") else part.labels for part in (own, test)])
    classes = getattr(own, "classes", map(str, range(int(labels.max()) + 1)))
    return Source(images, labels.astype(np.int64), len(test), tuple(classes), digest_of(images))


def _to_pixels(data: Any) -> npt.NDArray[np.uint8]:
    """(n, h, w, 3), (n, 3, h, w) or grey (n, h, w) bytes -> (n, h, w, 3)."""
    pixels: npt.NDArray[np.uint8] = np.asarray(data)
    if pixels.ndim == 3:
        return to_colour(pixels[..., None])
    return pixels if pixels.shape[3] == 3 else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
