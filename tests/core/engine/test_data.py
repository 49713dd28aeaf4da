"""The images that training sees are the ones on the disk: every byte, every label, every time."""

import io
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy.io import loadmat
from sklearn.datasets import load_digits
from torchvision.datasets import CIFAR10

from core.data import cache, decoding
from core.data.catalogue import count_by_part
from core.data.splits import Sizes
from core.data.store import DataError, data_folder
from core.engine.data import Data, ImageSet, load_data, load_sample, measure
from core.spec import DataSpec
from tests.archives import fashion_files, place_cifar, svhn_files, tell_svhn
from tests.folders import copy_images, make_folder


def pictures(data: Data | ImageSet) -> Counter[bytes]:
    """How often each picture and label stands in a set, whatever the order."""
    parts = [data.train, data.val, data.test] if isinstance(data, Data) else [data]
    return Counter(
        picture.tobytes() + bytes([label])
        for part in parts
        for picture, label in zip(part.images.permute(0, 2, 3, 1).numpy(), part.labels.tolist(), strict=True)
    )


# Digits


def test_digits_are_all_there_with_their_labels_and_no_image_is_in_two_parts() -> None:
    data = load_data(DataSpec(image_size=8))  # the digits' own size, so nothing is resized
    own = load_digits()
    grey = np.round(own.images * (255 / 16)).astype(np.uint8)
    expected = Counter(
        np.repeat(g[..., None], 3, 2).tobytes() + bytes([y]) for g, y in zip(grey, own.target, strict=True)
    )
    assert pictures(data) == expected
    assert [len(part) for part in (data.train, data.val, data.test)] == [1374, 153, 270]
    assert data.class_names == tuple("0123456789")


def test_the_images_are_bytes_in_channels_last_order_of_the_size_asked_for() -> None:
    data = load_data(DataSpec())
    for part in (data.train, data.val, data.test):
        assert part.images.shape == (len(part), 3, 32, 32)
        assert part.images.dtype == torch.uint8
        assert part.images.is_contiguous(memory_format=torch.channels_last)
        assert part.labels.dtype == torch.int64


def test_the_same_spec_gives_the_same_data_and_fingerprint_and_another_split_another_one() -> None:
    first, again, other = (load_data(DataSpec(split_seed=seed)) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert torch.equal(first.train.images, again.train.images)
    assert torch.equal(first.val.labels, again.val.labels)
    assert load_data(DataSpec(image_size=16)).fingerprint != first.fingerprint
    assert load_data(DataSpec(max_train_images=100)).fingerprint != first.fingerprint


@pytest.mark.parametrize("cap", [0, 100])
def test_the_parts_are_as_large_as_announced_and_the_figures_are_of_the_training_part(cap: int) -> None:
    spec = DataSpec(max_train_images=cap)
    data = load_data(spec)
    assert Sizes(*map(len, (data.train, data.val, data.test))) == count_by_part(spec)
    values = data.train.images.double() / 255
    assert torch.allclose(torch.tensor(data.mean).double(), values.mean((0, 2, 3)), atol=1e-9)
    assert torch.allclose(torch.tensor(data.std).double(), values.std((0, 2, 3), correction=0), atol=1e-9)


def test_taking_images_by_place_is_indexing() -> None:
    part = load_data(DataSpec()).val
    places = torch.tensor([5, 0, 5, 152])
    images, labels = part.take(places)
    assert torch.equal(images, part.images[places])
    assert torch.equal(labels, part.labels[places])
    assert images.is_contiguous(memory_format=torch.channels_last)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(3), st.integers(1, 6), st.integers(1, 6))))
def test_mean_and_deviation_are_exact_and_never_zero(images: np.ndarray) -> None:
    mean, std = measure(torch.from_numpy(images))
    values = images.astype(np.float64) / 255
    assert np.allclose(mean, values.mean((0, 2, 3)), atol=1e-12)
    expected = values.std((0, 2, 3))
    assert np.allclose(std, np.where(expected < 1e-7, 1.0, expected), atol=1e-6)


# Image folders


@pytest.fixture
def folder(lab_folders: Path, tmp_path: Path) -> DataSpec:
    root = make_folder(tmp_path / "images", {"train/cat": 12, "train/dog": 15, "test/cat": 3, "test/dog": 4})
    return DataSpec(dataset="folder", folder=str(root), folder_classes=2, image_size=8)


def test_a_folder_gives_its_own_pictures_in_their_own_parts(folder: DataSpec) -> None:
    data = load_data(folder)

    def expected(*names: str) -> Counter[bytes]:
        files = [path for name in names for path in Path(folder.folder, name).rglob("*.png")]
        return Counter(np.asarray(Image.open(path)).tobytes() + bytes([path.parent.name == "dog"]) for path in files)

    assert pictures(data.test) == expected("test")
    assert pictures(data.train) + pictures(data.val) == expected("train")
    assert data.class_names == ("cat", "dog")


def test_validation_images_of_a_folder_of_their_own_are_those_and_no_others(folder: DataSpec) -> None:
    before = load_data(folder)
    make_folder(Path(folder.folder), {"val/cat": 2, "val/dog": 1}, size=9)
    data = load_data(folder)
    assert [len(part) for part in (data.train, data.val, data.test)] == [27, 3, 7]
    assert data.val.labels.tolist() == [0, 0, 1]
    assert pictures(data.train) == pictures(before.train) + pictures(before.val)
    assert pictures(data.test) == pictures(before.test)
    assert data.fingerprint != before.fingerprint  # so that a run of before is not resumed on other images
    assert count_by_part(folder) == Sizes(27, 3, 7)
    swapped = folder.model_copy(update={"folder_parts": "train=train, val=test, test=val"})
    assert load_data(swapped).fingerprint != data.fingerprint
    assert [len(load_data(swapped).val), len(load_data(swapped).test)] == [7, 3]
    assert len(load_sample(folder, 100)) == 27


def test_a_folder_of_before_has_the_fingerprint_it_had(folder: DataSpec) -> None:
    """Measured before validation images could be a folder's own: runs of then are resumed on the same images."""
    assert load_data(folder).fingerprint == "8c0eb7c5d94c18811b4c7024bc789e3240aadbbd9cf5c3cca8be5196d043b3a2"
    capped = load_data(DataSpec(max_train_images=100)).fingerprint
    assert capped == "067e8bbd7921211d7f226a3fbbc4b459d32903ce426c3169b18a268d3fd38d7a"


def test_real_images_are_pillows_pixels(images_folder: Path, lab_folders: Path, tmp_path: Path) -> None:
    for part, name in (("train", "cat"), ("train", "ship"), ("test", "ship")):
        target = tmp_path / "some" / part / name
        target.mkdir(parents=True)
        for path in sorted((images_folder / part / name).iterdir())[:20]:
            (target / path.name).symlink_to(path)
    data = load_data(DataSpec(dataset="folder", folder=str(tmp_path / "some"), folder_classes=2))
    expected = Counter(
        np.asarray(Image.open(path).convert("RGB")).tobytes() + bytes([path.parent.name == "ship"])
        for path in (tmp_path / "some").rglob("*.jpg")
    )
    assert pictures(data) == expected


@pytest.mark.slow
def test_real_images_are_loaded_and_a_second_time_from_the_copy(
    images_folder: Path, lab_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    # In short a tenth of them: to decode all takes longer than most other tests together.
    shown, share = (images_folder, 10) if full else (copy_images(images_folder, tmp_path / "tenth", 500, 100), 1)
    spec = DataSpec(dataset="folder", folder=str(shown))
    first = load_data(spec)
    for part, each in ((first.train, 450), (first.val, 50), (first.test, 100)):
        assert part.labels.bincount().tolist() == [each * share] * 10
    monkeypatch.setattr(cache, "decode_files", lambda *args: pytest.fail("decoded again"))
    assert load_data(spec).fingerprint == first.fingerprint


@pytest.mark.parametrize(("damage", "helpers"), [("cut", False), ("flipped", False), ("text", False), ("cut", True)])
def test_a_damaged_image_is_named_and_forgotten_when_it_is_gone(
    folder: DataSpec, monkeypatch: pytest.MonkeyPatch, damage: str, helpers: bool
) -> None:
    if helpers:
        monkeypatch.setattr(decoding, "_HELPER_IMAGES", 10)
        monkeypatch.setattr(decoding, "_usable_cores", lambda: 2)
    broken = Path(folder.folder, "train/dog/003.png")
    whole = broken.read_bytes()
    place = whole.index(b"IDAT") + 6
    flipped = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
    broken.write_bytes({"cut": whole[:place], "flipped": flipped, "text": b"no image"}[damage])
    with pytest.raises(DataError, match=r"^The image .*train/dog/003\.png cannot be decoded: .*\.$"):
        load_data(folder)
    broken.unlink()
    data = load_data(folder)
    assert sum(map(len, (data.train, data.val, data.test))) == 33


def test_helper_processes_decode_the_same_pictures(folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = load_data(folder)
    shutil.rmtree(data_folder() / "cache")
    monkeypatch.setattr(decoding, "_HELPER_IMAGES", 10)
    monkeypatch.setattr(decoding, "_usable_cores", lambda: 3)
    monkeypatch.setattr(decoding, "_fill", lambda *args: pytest.fail("decoded in this process"))
    assert load_data(folder).fingerprint == alone.fingerprint


def test_helper_processes_share_the_range_of_deep_grey_values(
    folder: DataSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, path in enumerate(sorted(Path(folder.folder).rglob("*.png"))):
        Image.fromarray(np.full((8, 8), 60 * place, np.uint16)).save(path)
    alone = load_data(folder)
    assert alone.scales == {"uint16": (0, 4095)}
    assert int(max(part.images.max() for part in (alone.train, alone.val, alone.test))) == 60 * 33 >> 4
    shutil.rmtree(data_folder() / "cache")
    monkeypatch.setattr(decoding, "_HELPER_IMAGES", 10)
    monkeypatch.setattr(decoding, "_usable_cores", lambda: 3)
    monkeypatch.setattr(decoding, "_fill", lambda *args: pytest.fail("decoded in this process"))
    assert load_data(folder).fingerprint == alone.fingerprint


def test_a_sample_goes_without_damaged_images_where_the_set_does(folder: DataSpec) -> None:
    Path(folder.folder, "train/cat/000.png").write_text("no image")
    with pytest.raises(DataError, match=r"train/cat/000\.png cannot be decoded"):
        load_sample(folder, 100)
    assert len(load_sample(folder.model_copy(update={"damaged": "leave_out"}), 100)) == 26


def test_a_sample_shows_every_class_and_decodes_only_itself(folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "decode_files", lambda *args: pytest.fail("decoded the whole folder"))
    sample = load_sample(folder, 6)
    assert len(sample) == 6
    assert set(sample.labels.tolist()) == {0, 1}
    assert len(load_sample(folder, 100)) == 27
    assert len(load_sample(DataSpec(), 50)) == 50


# CIFAR


@pytest.fixture
def cifar(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place_cifar(data_folder() / "cifar10", monkeypatch)
    return data_folder() / "cifar10"


def test_cifar_keeps_its_own_test_images(cifar: Path) -> None:
    data = load_data(DataSpec(dataset="cifar10"))
    assert [len(part) for part in (data.train, data.val, data.test)] == [180, 20, 40]
    own, test = CIFAR10(cifar, train=True), CIFAR10(cifar, train=False)

    def expected(part: CIFAR10) -> Counter[bytes]:
        return Counter(image.tobytes() + bytes([label]) for image, label in zip(part.data, part.targets, strict=True))

    assert pictures(data.train) + pictures(data.val) == expected(own)
    assert pictures(data.test) == expected(test)
    assert data.class_names == tuple(f"class {place}" for place in range(10))
    assert load_data(DataSpec(dataset="cifar10", image_size=16)).test.images.shape == (40, 3, 16, 16)


def test_a_damaged_file_of_cifar_is_a_sentence(cifar: Path) -> None:
    batch = next(cifar.rglob("data_batch_3"))
    content = bytearray(batch.read_bytes())
    content[1000] ^= 1
    batch.write_bytes(content)
    with pytest.raises(DataError, match=r"The files of CIFAR-10 in .* are damaged: delete them and download again"):
        load_data(DataSpec(dataset="cifar10"))


def test_cifar_that_is_not_there_is_a_sentence(lab_folders: Path) -> None:
    with pytest.raises(DataError, match="CIFAR-100 is not on this machine yet"):
        load_data(DataSpec(dataset="cifar100"))


# Fashion-MNIST and SVHN


def place(name: str, files: dict[str, bytes], below: str = "") -> Path:
    folder = data_folder() / name / below
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder


def test_fashion_mnist_is_read_as_its_files_have_it(lab_folders: Path) -> None:
    files = fashion_files()
    place("fashionmnist", files, "FashionMNIST/raw")
    data = load_data(DataSpec(dataset="fashionmnist", image_size=28))
    assert [len(part) for part in (data.train, data.val, data.test)] == [45, 5, 20]
    assert data.class_names[0] == "T-shirt/top"
    own = np.frombuffer(files["t10k-images-idx3-ubyte"], np.uint8, offset=16).reshape(20, 28, 28)
    labels = files["t10k-labels-idx1-ubyte"][8:]
    expected = Counter(np.repeat(g[..., None], 3, 2).tobytes() + bytes([y]) for g, y in zip(own, labels, strict=True))
    assert pictures(data.test) == expected


def test_svhn_is_read_as_its_files_have_it(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = svhn_files()
    place("svhn", files)
    tell_svhn(files, monkeypatch)
    data = load_data(DataSpec(dataset="svhn"))
    assert [len(part) for part in (data.train, data.val, data.test)] == [45, 5, 20]
    assert data.class_names == tuple("0123456789")
    own = loadmat(io.BytesIO(files["test_32x32.mat"]))
    images = np.moveaxis(own["X"], 3, 0)  # (20, 32, 32, 3)
    labels = own["y"][:, 0] % 10  # 10 stands for 0
    expected = Counter(image.tobytes() + bytes([y]) for image, y in zip(images, labels, strict=True))
    assert pictures(data.test) == expected
    assert data.test.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("keep", [0.5, 0.0])
@pytest.mark.parametrize(("name", "title"), [("svhn", "SVHN"), ("fashionmnist", "Fashion-MNIST")])
def test_damaged_files_are_a_sentence(name: str, title: str, keep: float, lab_folders: Path) -> None:
    """Cut, or of zeros."""
    files = {"svhn": svhn_files, "fashionmnist": fashion_files}[name]()
    files = {file: content[: int(keep * len(content))] or bytes(len(content)) for file, content in files.items()}
    place(name, files, "FashionMNIST/raw" if name == "fashionmnist" else "")
    with pytest.raises(DataError, match=f"The files of {title} in .* are damaged: delete them and download again"):
        load_data(DataSpec.model_validate({"dataset": name}))


# One channel


def test_grey_images_have_one_channel_of_the_same_values() -> None:
    spec = DataSpec(image_size=20)
    colour, grey = load_data(spec), load_data(spec.model_copy(update={"colour": "grey"}))
    for part in ("train", "val", "test"):
        one, three = getattr(grey, part), getattr(colour, part)
        assert torch.equal(one.images, three.images[:, :1])
        assert torch.equal(one.labels, three.labels)
        assert one.images.permute(0, 2, 3, 1).is_contiguous()
    assert (grey.mean, grey.std) == (colour.mean[:1], colour.std[:1])
    assert grey.fingerprint != colour.fingerprint
    assert torch.equal(
        load_sample(spec.model_copy(update={"colour": "grey"}), 9).images, load_sample(spec, 9).images[:, :1]
    )


def test_colours_become_their_brightness(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "images", {"cat": 6, "dog": 6}, size=8)
    spec = DataSpec(dataset="folder", folder=str(root), folder_classes=2, image_size=8)
    colour, grey = load_data(spec), load_data(spec.model_copy(update={"colour": "grey"}))
    expected = [
        np.asarray(Image.fromarray(image).convert("L")) for image in colour.train.images.permute(0, 2, 3, 1).numpy()
    ]
    np.testing.assert_array_equal(grey.train.images[:, 0].numpy(), expected)
    sample = load_sample(spec.model_copy(update={"colour": "grey"}), 4)
    assert sample.images.shape == (4, 1, 8, 8)


def test_the_fingerprint_of_images_in_three_channels_stays() -> None:
    # Of the version before images could have one channel.
    before = {
        32: "2f069cf71127ac0fb65ca14ffcaa16f514ca1fee1b2db98ab6feb7752810928f",
        8: "08346dbb006e3b72181b5594aa591fd0873ad5173a4d4f2bea654580a2c53843",
    }
    assert {size: load_data(DataSpec(image_size=size)).fingerprint for size in before} == before
