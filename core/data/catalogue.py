"""The data sets: what there is, where it is, how many images it trains on, and how to get it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.data.cache import delete_caches
from core.data.downloads import (
    CATALOGUE,
    DownloadProgress,
    delete_download,
    download,
    read_download,
    start_download,
)
from core.data.folder import FolderStatus, inspect_folder
from core.data.splits import Sizes, count_parts
from core.data.store import DataError, data_folder, folder_bytes, folder_of
from core.spec import CHOICE_LABELS, DataSpec

__all__ = [
    "DataError",
    "DatasetStatus",
    "DownloadProgress",
    "FolderStatus",
    "cache_bytes",
    "count_images",
    "data_folder",
    "delete_caches",
    "delete_dataset",
    "download",
    "inspect_folder",
    "is_ready",
    "list_datasets",
    "name_data",
    "read_download",
    "start_download",
]

# Images of each class in scikit-learn's digits, from 0 to 9.
DIGITS_COUNTS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)


@dataclass(frozen=True)
class DatasetStatus:
    """One data set; `num_train` and `num_test` as published (digits has no test images of its own)."""

    name: str
    title: str
    num_train: int
    num_test: int
    num_classes: int
    present: bool
    bytes_on_disk: int
    download_bytes: int
    path: Path | None


def name_data(data: DataSpec) -> str:
    """The data set as people call it; an image folder by its own name."""
    return Path(data.folder).name or data.folder if data.dataset == "folder" else CHOICE_LABELS[data.dataset]


def list_datasets() -> list[DatasetStatus]:
    """The data sets that are known by name, whether or not they are on this machine."""
    digits = DatasetStatus("digits", "Digits (built in)", sum(DIGITS_COUNTS), 0, 10, True, 0, 0, None)
    return [digits, _cifar_status("cifar10", 10), _cifar_status("cifar100", 100)]


def _cifar_status(name: str, num_classes: int) -> DatasetStatus:
    wanted, folder = CATALOGUE[name], folder_of(name)
    present = folder.is_dir()
    size = folder_bytes(folder)
    return DatasetStatus(
        name,
        wanted.title,
        50_000,
        10_000,
        num_classes,
        present,
        size,
        wanted.archive_bytes,
        folder if present else None,
    )


def is_ready(spec: DataSpec) -> bool:
    """Whether training can start without a download."""
    try:
        check_ready(spec)
    except DataError:
        return False
    return True


def check_ready(spec: DataSpec) -> None:
    """Raises `DataError` with the reason why training cannot start."""
    if spec.dataset in CATALOGUE and not folder_of(spec.dataset).is_dir():
        name = spec.dataset
        raise DataError(
            f"{CATALOGUE[name].title} is not on this machine yet: download it on the Lab page "
            f"or with `python -m core data download {name}`."
        )
    if spec.dataset == "folder":
        check_classes(spec, len(inspect_folder(spec.folder).classes))


def check_classes(spec: DataSpec, found: int) -> None:
    """Raises `DataError` where an image folder holds another number of classes than the spec says."""
    if found != spec.folder_classes:
        raise DataError(f"data.folder_classes = {spec.folder_classes}: the folder {spec.folder} holds {found}.")


def count_images(spec: DataSpec) -> Sizes:
    """Images after the splits and the cap. Raises `DataError` for an image folder that cannot be read."""
    if spec.dataset == "digits":
        return count_parts(spec, DIGITS_COUNTS, None)
    if spec.dataset == "folder":
        status = inspect_folder(spec.folder)
        return count_parts(spec, status.class_counts, status.num_test)
    return count_parts(spec, [50_000 // spec.num_classes] * spec.num_classes, 10_000)


def delete_dataset(name: str) -> None:
    """Removes a downloaded data set from the disk. Raises `DataError` where that cannot be."""
    if name == "digits":
        raise DataError("The digits are part of scikit-learn and cannot be deleted.")
    delete_download(name)


def cache_bytes() -> int:
    """Disk space of the decoded copies of image folders."""
    return folder_bytes(data_folder() / "cache")
