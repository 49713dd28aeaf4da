"""The images' part of a spec."""

import pytest

from core.spec import DataSpec
from core.spec.choices import Dataset
from core.spec.fields import field_at


@pytest.mark.parametrize(
    ("dataset", "classes"),
    [("digits", 10), ("cifar10", 10), ("cifar100", 100), ("fashionmnist", 10), ("svhn", 10), ("folder", 7)],
)
def test_only_a_folder_is_asked_for_its_classes(dataset: Dataset, classes: int) -> None:
    assert DataSpec(dataset=dataset, folder="images", folder_classes=7).num_classes == classes


def test_a_test_share_is_offered_only_without_test_images() -> None:
    share = field_at("data.test_fraction")
    offered = [name for name in field_at("data.dataset").choices if share.applies({"dataset": name})]
    assert offered == ["digits", "folder"]
