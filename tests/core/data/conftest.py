"""Folders of images and a server of archives that several tests look at."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.data.catalogue import DATASETS
from core.spec import DataSpec
from tests.archives import Server, cifar_files, leading_to, pack, serve
from tests.core.data.test_alike import make_scenes


@pytest.fixture
def photographs(tmp_path: Path) -> DataSpec:
    """Thirty images of two sizes, a copy in the test part, one of them on its side, one damaged, and a text."""
    root = tmp_path / "images"
    for index, scene in enumerate(make_scenes(30, side=80)):
        path = root / ("train" if index < 24 else "test") / ("cat", "dog")[index % 2] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene[:, : 80 if index % 3 else 40]).save(path)
    shutil.copy(root / "train/cat/04.png", root / "test/dog/again.png")
    Image.open(root / "train/dog/01.png").save(root / "test/dog/nearly.jpg", quality=70)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(make_scenes(1, 80, seed=9)[0][:, :60]).save(root / "train/cat/turned.jpg", exif=turned)
    (root / "train/cat/broken.png").write_bytes(b"no image")
    (root / "train/cat/readme.txt").write_text("text")
    return DataSpec(dataset="folder", folder=str(root), folder_classes=2, image_size=8, damaged="leave_out")


@pytest.fixture
def server(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """CIFAR-10's entry leads to a small archive on loopback."""
    with serve(pack(cifar_files())) as started:
        monkeypatch.setitem(DATASETS, "cifar10", leading_to(started.entry))
        yield started
