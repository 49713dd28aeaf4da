"""What there is to train on, and what it takes to get it."""

from pathlib import Path

import numpy as np
import pytest

from core.data import catalogue
from core.data.catalogue import count_images
from core.data.store import DataError
from core.spec import DataSpec
from tests.folders import make_folder


def test_digits_need_no_download_and_cannot_be_deleted() -> None:
    assert catalogue.is_ready(DataSpec())
    with pytest.raises(DataError, match="part of scikit-learn"):
        catalogue.delete_dataset("digits")


def test_a_data_set_that_is_not_there_says_how_to_get_it(lab_folders: Path) -> None:
    with pytest.raises(DataError, match="download it on the Lab page or with `python -m core data download cifar100`"):
        catalogue.check_ready(DataSpec(dataset="cifar100"))


def test_the_number_of_classes_must_be_that_of_the_folder(tmp_path: Path) -> None:
    root = str(make_folder(tmp_path / "images", {"cat": 3, "dog": 3}))
    assert catalogue.is_ready(DataSpec(dataset="folder", folder=root, folder_classes=2))
    with pytest.raises(DataError, match=r"data\.folder_classes = 3: the folder .* holds 2\."):
        catalogue.check_ready(DataSpec(dataset="folder", folder=root, folder_classes=3))


def test_the_number_of_training_images_is_known_without_loading_them(tmp_path: Path) -> None:
    assert count_images(DataSpec(dataset="cifar10")).train == 45_000
    assert count_images(DataSpec(dataset="cifar100", val_fraction=0.2, max_train_images=1000)).train == 1000
    assert count_images(DataSpec()).train == 1374
    root = make_folder(tmp_path / "images", {"train/cat": 10, "train/dog": 10, "test/cat": 5})
    assert count_images(DataSpec(dataset="folder", folder=str(root), folder_classes=2)).train == 18


def test_the_digits_are_counted_as_scikit_learn_ships_them() -> None:
    from sklearn.datasets import load_digits

    assert np.bincount(load_digits().target).tolist() == list(catalogue.DIGITS_COUNTS)
