"""A pickle is named as one wherever it comes in, with a way that is open."""

import io
import pickle
import tarfile
from pathlib import Path

import pytest

from core.data.bring import bring, list_brought
from core.data.folder import inspect_folder
from core.data.own_images import Brought, open_images
from core.data.pickles import explain_pickle
from core.data.store import DataError
from tests.core.data.test_bring import make_zip

pytestmark = pytest.mark.usefixtures("lab_folders")

PICKLED = pickle.dumps({b"data": [1, 2], b"labels": [0, 1]}, protocol=2)  # as CIFAR's batches for Python are
WHY = "data_batch_1 is a pickle, which can run any program as it is read, and so is not read."
WAY = "bring cifar-10-binary.tar.gz"


def make_tar(files: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer


def save(folder: Path) -> Path:
    folder.mkdir()
    (folder / "batches.meta").write_bytes(PICKLED)
    (folder / "data_batch_1").write_bytes(PICKLED)
    return folder / "data_batch_1"


def test_a_batch_of_cifar_for_python_is_told_in_every_form(tmp_path: Path) -> None:
    named = {"cifar-10-batches-py/data_batch_1": PICKLED}
    with save(tmp_path / "batches").open("rb") as alone:
        for content in (alone, make_tar(named), make_zip(named)):
            with pytest.raises(DataError) as caught:
                bring(content, "cifar")
            assert WHY in str(caught.value)
            assert WAY in str(caught.value)
    assert list_brought() == []
    for folder in (tmp_path / "batches", tmp_path):  # as it was unpacked, and the folder around it
        with pytest.raises(
            DataError, match=r"holds no images in class folders\. .* is a pickle.*download cifar10 --file"
        ):
            inspect_folder(str(folder))
    with pytest.raises(DataError, match="data_batch_1 is a pickle"):
        open_images(Brought(str(tmp_path / "batches" / "data_batch_1")))


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("cifar-100-python/meta", "bring cifar-100-binary.tar.gz"),
        ("C:\\mine\\images.pkl", "Save its images and labels as arrays, in one .npz file."),
    ],
)
def test_the_way_is_that_of_the_set(name: str, way: str) -> None:
    assert way in explain_pickle(name)
