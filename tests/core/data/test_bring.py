"""What somebody brings becomes an image folder, or a sentence, and leaves nothing behind."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.bring import bring, delete_set, list_brought, sets_folder, spec_of, suggest_name
from core.data.folder import inspect_folder
from core.data.store import DataError, work_folder
from core.engine.data import load_data
from tests.core.data.test_alike import make_scenes

pytestmark = pytest.mark.usefixtures("lab_folders")


def to_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_zip(files: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer


def photographs(top: str = "photos/") -> dict[str, bytes]:
    scenes = make_scenes(12)
    return {
        f"{top}{'Train' if index < 8 else 'Test'}/{('cat', 'dog')[index % 2]}/{index:02}.png": to_png(scene)
        for index, scene in enumerate(scenes)
    }


def test_images_beside_the_folders_of_a_part_are_told() -> None:
    beside = {
        f"photos/{name}/{at}.png": to_png(scene) for name in ("cat", "dog") for at, scene in enumerate(make_scenes(3))
    }
    sentences: list[str] = []
    spec = bring(make_zip(photographs() | beside), "mixed", tell=sentences.append)
    status = inspect_folder(spec.folder)
    assert (status.num_train, status.num_test) == (8, 4)
    assert sentences == [
        f"Left out: images in {name}/, which is not used (3), such as photos/{name}." for name in ("cat", "dog")
    ]


def test_a_zip_of_class_folders_becomes_a_set_with_its_parts() -> None:
    more = {"__MACOSX/photos/._x": b"x", "photos/readme.txt": b"hello", "photos/Train/cat/.DS_Store": b"x"}
    told: list[tuple[int, int]] = []
    sentences: list[str] = []
    spec = bring(
        make_zip(photographs() | more),
        "My photos",
        lambda done, total: told.append((done, total)),
        tell=sentences.append,
    )
    left_out = "1 file of the archive is no image that can be read, and was not kept, such as photos/readme.txt."
    assert sentences == [f"Left out: {left_out}"]
    assert spec.folder == str(sets_folder() / "My photos")
    status = inspect_folder(spec.folder)
    assert (status.classes, status.class_counts, status.test_counts) == (("cat", "dog"), (4, 4), (2, 2))
    assert {path.suffix for path in Path(spec.folder).rglob("*") if path.is_file()} == {".png"}
    assert told == [(0, 12)]
    data = load_data(spec)
    assert len(data.test) == 4
    assert [path.name for path in list_brought()] == ["My photos"]
    with pytest.raises(DataError, match="There is a set My photos already"):
        bring(make_zip(photographs()), "My photos")
    delete_set("My photos")
    assert list_brought() == []
    assert list(work_folder().glob("set-*")) == []
    with pytest.raises(DataError, match="There is no set"):
        delete_set("../runs")


def test_arrays_in_the_form_of_medmnist_become_the_same_pixels() -> None:
    images = make_scenes(30)
    grey = images[..., 0]
    labels = np.arange(30)[:, None] % 3
    buffer = io.BytesIO()
    rows = {"train": slice(0, 20), "val": slice(20, 24), "test": slice(24, 30)}
    arrays = {f"{part}_images": grey[some] for part, some in rows.items()}
    marks = {f"{part}_labels": labels[some] for part, some in rows.items()}
    np.savez_compressed(buffer, **arrays, **marks)
    spec = bring(buffer, "pneumonia")
    data = load_data(spec)
    assert data.class_names == ("0", "1", "2")
    assert (len(data.train), len(data.val), len(data.test)) == (20, 4, 6)
    order = np.argsort(labels[:20, 0], kind="stable")
    assert np.array_equal(data.train.images[:, 0].numpy(), grey[:20][order])
    assert np.array_equal(data.train.labels.numpy(), labels[:20, 0][order])


def test_binary_batches_in_a_tar_archive_become_images_with_their_names() -> None:
    images = make_scenes(20)
    flat = np.moveaxis(images, 3, 1).reshape(20, -1)
    rows = np.concatenate([np.arange(20)[:, None] % 2, flat], axis=1).astype(np.uint8)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        files = {"data_batch_1.bin": rows[:10].tobytes(), "data_batch_2.bin": rows[10:16].tobytes()}
        files |= {"test_batch.bin": rows[16:].tobytes(), "batches.meta.txt": b"plane\ncar\n\n", "readme.html": b"<p>"}
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    data = load_data(bring(buffer, "cifar"))
    assert data.class_names == ("car", "plane")
    assert len(data.test) == 4
    planes = data.test.images[data.test.labels == 1].permute(0, 2, 3, 1).numpy()
    assert np.array_equal(planes, images[16:][np.arange(4) % 2 == 0])


def test_classes_keep_the_numbers_of_the_file_also_on_the_way_to_another_lab() -> None:
    images, labels = make_scenes(18), np.repeat([0, 2, 5], 6)
    names = np.array(["zebra", "-", "cat/dog", "-", "-", "ant"])
    buffer, sentences = io.BytesIO(), list[str]()
    np.savez(buffer, x_train=images, y_train=labels, class_names=names)
    spec = bring(buffer, "zoo", tell=sentences.append)
    data = load_data(spec)
    assert (data.class_names, data.class_numbers) == (("ant", "cat_dog", "zebra"), (5, 2, 0))
    assert [sentence for sentence in sentences if "cat/dog is cat_dog" in sentence]
    folder = Path(spec.folder)
    content = {str(path.relative_to(folder.parent)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again, told = make_zip(content), list[str]()
    assert load_data(bring(again, "again", tell=told.append)).class_numbers == (5, 2, 0)
    assert told == []
    gaps = io.BytesIO()
    np.savez(gaps, images=images, labels=labels)
    assert load_data(bring(gaps, "gaps")).class_numbers == (0, 2, 5)


def test_a_class_without_images_moves_no_number_of_another() -> None:
    rows = np.zeros((12, 3073), np.uint8)
    rows[:, 0], rows[:, 1:] = np.repeat([0, 2, 3], 4), np.arange(12)[:, None]
    batches = {"data_batch_1.bin": rows.tobytes(), "batches.meta.txt": b"airplane\nautomobile\nbird\ncat\n"}
    data = load_data(bring(make_zip(batches), "some"))
    assert (data.class_names, data.class_numbers) == (("airplane", "bird", "cat"), (0, 2, 3))


def to_npy(array: np.ndarray) -> io.BytesIO:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer


def test_two_npy_files_become_a_set() -> None:
    images, labels = make_scenes(20), np.arange(20) % 2
    data = load_data(bring(to_npy(images), "pair", labels=to_npy(labels)))
    assert data.class_names == ("0", "1")
    assert len(data.train) + len(data.val) + len(data.test) == 20


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (np.zeros((3, 8, 8), np.uint8), np.arange(2), "The array labels holds 2 labels for 3 images."),
        (np.arange(3), np.arange(3), "The array images has the shape 3; images are"),
        (
            np.zeros((3, 8, 8), np.uint8),
            np.array([{}, 1, 2], object),
            "The .npy file of the labels holds Python objects",
        ),
    ],
)
def test_two_npy_files_that_do_not_fit_are_a_sentence(images: np.ndarray, labels: np.ndarray, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        bring(to_npy(images), "bad", labels=to_npy(labels))
    assert sentence in str(caught.value)
    assert list_brought() == []


@pytest.mark.parametrize(
    ("cut", "sentence"),
    [
        (-5, "The .npy file of the labels is damaged or only part of one."),
        (3, "The file of the labels is no .npy file."),
    ],
)
def test_a_part_of_an_npy_file_is_a_sentence(cut: int, sentence: str) -> None:
    labels = io.BytesIO(to_npy(np.arange(6) % 2).getvalue()[:cut])
    with pytest.raises(DataError) as caught:
        bring(to_npy(make_scenes(6)), "bad", labels=labels)
    assert str(caught.value) == sentence


def pickled() -> io.BytesIO:
    buffer = io.BytesIO()
    np.savez(buffer, images=np.array([{}, []], dtype=object), labels=np.array([0, 1]))
    return buffer


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda: io.BytesIO(b""), "The file is empty."),
        (lambda: io.BytesIO(b"no archive"), "This is no zip of class folders"),
        (lambda: make_zip({"cat/1.png": b"x", "dog/1.png": b"x"}), "None of the 2 images can be decoded."),
        (lambda: io.BytesIO(b"PK\x03\x04 cut off"), "no zip archive, or only part of one"),
        (lambda: make_zip({"../cat/1.png": b"x"}), "a path outside of its own folder"),
        (lambda: make_zip({"a/1.png": b"\0" * 90_000_000}), "would unpack to 90 MB: refused"),
        (lambda: make_zip({}), "The archive is empty."),
        (lambda: make_zip({"notes.md": b"x"}), "no images that can be read, but 1 file such as notes.md."),
        (lambda: make_zip({"in.zip": b"x"}), "1 file such as in.zip: unpack it"),
        (
            lambda: make_zip({"Cat/1.png": b"x", "cat/1.png": b"x"}),
            "Cat/1.png and cat/1.png, which differ only in case",
        ),
        (
            lambda: make_zip({"Cat/1.png": b"x", "cat/2.png": b"x"}),
            "the folders Cat and cat, which differ only in case",
        ),
        (lambda: make_zip({"a.npy": b"no array"}), "a in the file is no array"),
        (lambda: make_zip({"cat/1.png": b"x"}), "only the class folder cat; two or more are needed"),
        (lambda: make_zip({"data_batch_1.bin": b"x" * 100}), "100 bytes, which is no number of CIFAR's records"),
        (lambda: to_npy(np.zeros((3, 8, 8), np.uint8)), "A .npy file holds images or labels, not both"),
        (pickled, "The array images holds Python objects, which are not read"),
        (lambda: io.BytesIO(b"\x1f\x8bcut off"), "damaged or only part of an archive"),
    ],
)
def test_bad_input_gets_its_sentence_and_leaves_nothing(content, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        bring(content(), "bad")
    assert sentence in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert list_brought() == []
    assert list(work_folder().iterdir()) == []


@pytest.mark.parametrize("name", ["", " ", "../up", ".hidden", "a/b", "x" * 61, "dot.", "a\nb"])
def test_names_that_are_no_names_of_folders_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="Name the set"):
        bring(make_zip(photographs()), name)


def test_a_name_is_suggested_by_the_file() -> None:
    names = ["my photos.zip", "C:\\data\\pneumoniamnist.npz", "cifar-10-binary.tar.gz", "...zip", "Ä/ö?.zip"]
    assert list(map(suggest_name, names)) == ["my photos", "pneumoniamnist", "cifar-10-binary", "images", "ö"]


def test_a_folder_whose_parts_are_asked_for_is_kept_for_build_to_ask() -> None:
    files = {name.replace("Train", "A").replace("Test", "B"): content for name, content in photographs("").items()}
    assert spec_of(Path(bring(make_zip(files), "asked").folder)).folder_classes == 2
