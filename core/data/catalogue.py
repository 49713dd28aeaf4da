"""The data sets: what each holds, how it is fetched and read, whether it is here, and how many images it trains on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.data.folder import inspect_folder
from core.data.notes import count_left_out
from core.data.splits import Sizes, count_parts
from core.data.store import DataError, folder_bytes, folder_of
from core.spec import CHOICE_LABELS, DataSpec


@dataclass(frozen=True)
class Archive:
    """One file to fetch, and what it must be.

    A `.tar.gz` is unpacked below the set's folder, a `.gz` inflated, any other file kept as it is, into the folder
    `into` below it.
    """

    url: str
    sha256: str
    num_bytes: int
    into: str = ""

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Download:
    """What to fetch: `files` is what the set's folder must hold then."""

    name: str
    archives: tuple[Archive, ...]
    files: tuple[str, ...]

    @property
    def title(self) -> str:
        return CHOICE_LABELS[self.name]

    @property
    def num_bytes(self) -> int:
        return sum(archive.num_bytes for archive in self.archives)


@dataclass(frozen=True)
class Dataset:
    """One data set as published.

    `reader` is a "module:function" that the engine calls with a `DataSpec`, and that returns all images as a
    `core.engine.data.Source`. `class_counts` are the training images of each class, `num_test` the test images (0 where
    they are split off); both are None where they depend on the folder. `side` is the images' side in pixels, None where
    they are of any size.
    """

    reader: str
    class_counts: tuple[int, ...] | None
    num_test: int | None
    side: int | None
    is_grey: bool = False
    download: Download | None = None


_TORCHVISION = "core.engine.data:read_downloaded"


def _cifar(classes: int, sha256: str, num_bytes: int, folder: str, files: tuple[str, ...]) -> Dataset:
    """CIFAR-10 or CIFAR-100. The SHA-256 is Keras's, of the archive whose MD5 is on cs.toronto.edu/~kriz/cifar.html."""
    archive = Archive(f"https://www.cs.toronto.edu/~kriz/cifar-{classes}-python.tar.gz", sha256, num_bytes)
    download = Download(f"cifar{classes}", (archive,), tuple(f"{folder}/{file}" for file in files))
    counts = (50_000 // classes,) * classes
    return Dataset(_TORCHVISION, counts, num_test=10_000, side=32, download=download)


def _fashion() -> Dataset:
    """Its files as the authors keep them; SHA-256 and sizes are those of TensorFlow Datasets, of the same bytes."""
    place, into = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion", "FashionMNIST/raw"
    found = {
        "train-images-idx3-ubyte": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
        "train-labels-idx1-ubyte": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
        "t10k-images-idx3-ubyte": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
        "t10k-labels-idx1-ubyte": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
    }
    archives = tuple(Archive(f"{place}/{name}.gz", *facts, into) for name, facts in found.items())
    download = Download("fashionmnist", archives, tuple(f"{into}/{name}" for name in found))
    return Dataset(_TORCHVISION, (6_000,) * 10, num_test=10_000, side=28, is_grey=True, download=download)


def _svhn() -> Dataset:
    """Its cropped digits; SHA-256 and sizes are those of TensorFlow Datasets, whose files are torchvision's too."""
    place = "https://ufldl.stanford.edu/housenumbers"
    found = {
        "train_32x32.mat": ("435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8", 182_040_794),
        "test_32x32.mat": ("cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b", 64_275_384),
    }
    archives = tuple(Archive(f"{place}/{name}", *facts) for name, facts in found.items())
    counts = (4_948, 13_861, 10_585, 8_497, 7_458, 6_882, 5_727, 5_595, 5_045, 4_659)
    download = Download("svhn", archives, tuple(found))
    return Dataset(_TORCHVISION, counts, num_test=26_032, side=32, download=download)


# By the names in `core.spec.choices`, where their titles and numbers of classes are.
DATASETS: dict[str, Dataset] = {
    "digits": Dataset(
        "core.engine.data:read_builtin_digits",
        class_counts=(178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
        num_test=0,
        side=8,
        is_grey=True,
    ),
    "cifar10": _cifar(
        10,
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        170_498_071,
        "cifar-10-batches-py",
        (*(f"data_batch_{part}" for part in range(1, 6)), "test_batch", "batches.meta"),
    ),
    "cifar100": _cifar(
        100,
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        169_001_437,
        "cifar-100-python",
        ("train", "test", "meta"),
    ),
    "fashionmnist": _fashion(),
    "svhn": _svhn(),
    "folder": Dataset("core.engine.data:read_image_folder", class_counts=None, num_test=None, side=None),
}


@dataclass(frozen=True)
class DatasetStatus:
    """A data set on this machine; `num_train` and `num_test` as published, `num_test` 0 where they are split off."""

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
    return [_status(name, entry, entry.class_counts) for name, entry in DATASETS.items() if entry.class_counts]


def _status(name: str, entry: Dataset, counts: tuple[int, ...]) -> DatasetStatus:
    folder = folder_of(name) if entry.download and folder_of(name).is_dir() else None
    return DatasetStatus(
        name,
        CHOICE_LABELS[name],
        num_train=sum(counts),
        num_test=entry.num_test or 0,
        num_classes=len(counts),
        present=folder is not None or entry.download is None,
        bytes_on_disk=folder_bytes(folder) if folder else 0,
        download_bytes=entry.download.num_bytes if entry.download else 0,
        path=folder,
    )


def find_absent(name: str) -> DatasetStatus | None:
    """The data set of this name, if it is one to download that is not on this machine yet."""
    return next((status for status in list_datasets() if status.name == name and not status.present), None)


def is_ready(spec: DataSpec) -> bool:
    """Whether training can start without a download."""
    try:
        check_ready(spec)
    except DataError:
        return False
    return True


def check_ready(spec: DataSpec) -> None:
    """Raises `DataError` with the reason why training cannot start."""
    entry = DATASETS[spec.dataset]
    if entry.download and not folder_of(spec.dataset).is_dir():
        raise DataError(
            f"{entry.download.title} is not on this machine yet: download it on the Lab page "
            f"or with: python -m core data download {spec.dataset}"
        )
    if entry.class_counts is None:
        check_classes(spec, len(inspect_folder(spec.folder, spec.folder_parts).classes))


def check_classes(spec: DataSpec, found: int) -> None:
    """Raises `DataError` if an image folder holds another number of classes than the spec says."""
    if found != spec.folder_classes:
        raise DataError(f"data.folder_classes = {spec.folder_classes}: the folder {spec.folder} holds {found}.")


def count_by_part(spec: DataSpec) -> Sizes:
    """Images after the splits and the cap. Raises `DataError` for images that cannot be read."""
    entry = DATASETS[spec.dataset]
    counts, num_val, num_test = entry.class_counts or (), None, entry.num_test or None
    if entry.class_counts is None:
        status = inspect_folder(spec.folder, spec.folder_parts)
        counts, num_val, num_test = status.class_counts, status.num_val, status.num_test
    gone = count_left_out(spec.without)
    counts = tuple(count - gone["train", label] for label, count in enumerate(counts))
    own = {"test": num_test, "val": num_val}
    left = {
        part: count and count - sum(n for (name, _), n in gone.items() if name == part) for part, count in own.items()
    }
    return count_parts(spec, counts, left["test"], left["val"])


def find_origins(spec: DataSpec) -> dict[str, str]:
    """Where the images of each part come from: a folder, or "split off"; empty for a data set's own.

    Raises `DataError` for an image folder that cannot be read.
    """
    entry = DATASETS[spec.dataset]
    if entry.class_counts is None:
        places = dict(inspect_folder(spec.folder, spec.folder_parts).places)
        return {
            "train": f"in {places['train']}/" if places["train"] else "",
            **{part: f"in {places[part]}/" if part in places else "split off" for part in ("val", "test")},
        }
    return {"train": "", "val": "split off", "test": "" if entry.num_test else "split off"}
