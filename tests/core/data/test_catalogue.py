"""What there is to train on, and what it takes to get it."""

from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest
import torch

from core.data import catalogue
from core.data.catalogue import DATASETS, count_by_part, find_origins
from core.data.downloads import delete_dataset
from core.data.splits import Sizes
from core.data.store import DataError
from core.engine.data import Source, load_data
from core.engine.events import Finished
from core.engine.train import train
from core.spec import CHOICE_LABELS, DataSpec
from core.spec.choices import DATASET_CLASSES, WITH_TEST_IMAGES, Dataset, choices_of
from core.spec.presets import PRESETS
from tests.folders import make_folder


def test_digits_need_no_download_and_cannot_be_deleted() -> None:
    assert catalogue.is_ready(DataSpec())
    with pytest.raises(DataError, match=r"Digits \(built in\): only a data set that was downloaded can be deleted"):
        delete_dataset("digits")


def test_a_data_set_that_is_not_there_says_how_to_get_it(lab_folders: Path) -> None:
    with pytest.raises(DataError, match=r"download it on the Lab page or with: python -m core data download cifar100$"):
        catalogue.check_ready(DataSpec(dataset="cifar100"))


def test_the_number_of_classes_must_be_that_of_the_folder(tmp_path: Path) -> None:
    root = str(make_folder(tmp_path / "images", {"cat": 3, "dog": 3}))
    assert catalogue.is_ready(DataSpec(dataset="folder", folder=root, folder_classes=2))
    with pytest.raises(DataError, match=r"data\.folder_classes = 3: the folder .* holds 2\."):
        catalogue.check_ready(DataSpec(dataset="folder", folder=root, folder_classes=3))


def test_the_number_of_training_images_is_known_without_loading_them(tmp_path: Path) -> None:
    assert count_by_part(DataSpec(dataset="cifar10")).train == 45_000
    assert count_by_part(DataSpec(dataset="cifar100", val_fraction=0.2, max_train_images=1000)).train == 1000
    assert count_by_part(DataSpec()).train == 1374
    root = make_folder(tmp_path / "images", {"train/cat": 10, "train/dog": 10, "test/cat": 5})
    assert count_by_part(DataSpec(dataset="folder", folder=str(root), folder_classes=2)).train == 18


def test_it_is_known_where_the_images_of_each_part_come_from(tmp_path: Path) -> None:
    assert find_origins(DataSpec()) == {"train": "", "val": "split off", "test": "split off"}
    assert find_origins(DataSpec(dataset="cifar10")) == {"train": "", "val": "split off", "test": ""}
    root = make_folder(tmp_path / "images", {f"set/{part}/{name}": 2 for part in ("Train", "Val") for name in "ab"})
    data = DataSpec(dataset="folder", folder=str(root), folder_classes=2)
    assert find_origins(data) == {"train": "in set/Train/", "val": "in set/Val/", "test": "split off"}
    assert count_by_part(data) == Sizes(3, 4, 1)


def test_a_data_set_that_has_to_be_downloaded_first_is_named(lab_folders: Path) -> None:
    absent = catalogue.find_absent("cifar10")
    assert absent
    assert absent.title == "CIFAR-10"
    assert catalogue.find_absent("digits") is catalogue.find_absent("folder") is None


def test_the_digits_are_counted_as_scikit_learn_ships_them() -> None:
    from sklearn.datasets import load_digits

    assert np.bincount(load_digits().target).tolist() == list(catalogue.DATASETS["digits"].class_counts)


def test_every_data_set_that_a_spec_can_name_is_in_the_catalogue() -> None:
    names = set(choices_of(Dataset))
    assert names == set(catalogue.DATASETS) == set(DATASET_CLASSES)
    for name, entry in catalogue.DATASETS.items():
        assert DATASET_CLASSES[name] == (entry.class_counts and len(entry.class_counts))
        assert (name in WITH_TEST_IMAGES) == bool(entry.num_test)
        assert entry.download is None or entry.download.name == name
        assert callable(resolve_name(entry.reader))


def read_stripes(spec: DataSpec) -> Source:
    """Upright and level stripes: 40 of each, and 5 more of each for the test."""
    labels = np.arange(90) % 2
    stripes = np.where(np.arange(8) % 2, 255, 0).astype(np.uint8)
    upright = np.broadcast_to(stripes[None, :, None], (8, 8, 3))
    images = np.stack([upright.transpose(1, 0, 2) if label else upright for label in labels])
    return Source(images, labels, 10, ("upright", "level"), "stripes")


def test_a_data_set_added_from_outside_is_listed_counted_and_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalogue.Dataset(f"{__name__}:read_stripes", class_counts=(40, 40), num_test=10, side=8)
    monkeypatch.setitem(catalogue.DATASETS, "stripes", entry)
    monkeypatch.setitem(CHOICE_LABELS, "stripes", "Stripes")
    monkeypatch.setitem(DATASET_CLASSES, "stripes", 2)
    # As the `Literal` of the names would let it through.
    data = DataSpec().model_copy(update={"dataset": "stripes"})
    first_look = PRESETS["first-look"].spec
    epoch = first_look.train.model_copy(update={"batch_size": 16, "epochs": 1})
    spec = first_look.model_copy(update={"data": data, "train": epoch})

    status = next(status for status in catalogue.list_datasets() if status.name == "stripes")
    assert (status.title, status.num_train, status.num_test, status.num_classes) == ("Stripes", 80, 10, 2)
    assert status.present
    assert catalogue.is_ready(data)
    sizes = catalogue.count_by_part(data)
    images = load_data(data)
    assert (sizes.train, sizes.val, sizes.test) == tuple(map(len, (images.train, images.val, images.test)))

    *_, end = train(spec, images, device=torch.device("cpu"))
    assert isinstance(end, Finished)
    assert end.metrics["last/epoch"] == 1


# MD5 and SHA-256 of the published files, as lists of others have them side by side.
SUMS = {
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "25c81989df183df01b3e8a0aad5dffbe": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "bef4ecab320f06d8554ea6380940ec79": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "bb300cfdad3c16e7a12a480ee83cd310": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    "e26dedcc434d2e4c54c9b2d4a06d8373": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    "eb5a983be6a315427106f1b164d9cef3": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    "c58f30108f718f92721af3b95e74349a": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    "eb9058c3a382ffc7106e4002c42a8d85": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
}


def test_what_is_fetched_are_the_files_that_torchvision_reads() -> None:
    from torchvision.datasets import CIFAR10, CIFAR100, SVHN, FashionMNIST

    theirs = dict(FashionMNIST.resources) | {name: md5 for _, name, md5 in SVHN.split_list.values()}
    theirs |= {kind.filename: kind.tgz_md5 for kind in (CIFAR10, CIFAR100)}
    fetched = [entry.download for entry in DATASETS.values() if entry.download]
    ours = {archive.name: archive.sha256 for each in fetched for archive in each.archives}
    assert {name: SUMS[theirs[name]] for name in ours} == ours


def test_a_name_without_an_entry_is_an_error_and_no_guess() -> None:
    unknown = DataSpec().model_copy(update={"dataset": "stripes"})
    for ask in (catalogue.count_by_part, catalogue.check_ready, load_data, lambda spec: spec.num_classes):
        with pytest.raises(KeyError):
            ask(unknown)
