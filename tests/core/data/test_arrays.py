"""Arrays of images are found by the names that people give them."""

import io

import numpy as np
import pytest

from core.data.arrays import read_arrays, read_batches
from core.data.store import DataError


def save(**arrays: np.ndarray) -> io.BytesIO:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer


IMAGES = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8)
LABELS = np.array([0, 10, 0, 10])


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("x_train", "y_train", "x_test", "y_test"), ["train", "test"]),
        (("train_images", "train_labels", "val_images", "val_labels"), ["train", "val"]),
        (("X", "y"), ["train"]),
        (("data", "targets"), ["train"]),
        (("images", "labels", "Validation-Images", "validation-labels"), ["train", "val"]),
    ],
)
def test_parts_are_found_by_name(names: tuple[str, ...], parts: list[str]) -> None:
    found = read_arrays(save(**{name: (IMAGES, LABELS)[place % 2] for place, name in enumerate(names)}))
    assert list(found) == parts
    for part in found.values():
        assert (part.classes, part.labels.tolist()) == (("00", "10"), [0, 1, 0, 1])
        assert np.array_equal(part.image(3), IMAGES[3])


def test_classes_have_the_names_that_the_file_gives() -> None:
    named = read_arrays(save(images=IMAGES, labels=LABELS // 10, class_names=np.array(["a/b", "dog"])))
    assert named["train"].classes == ("a_b", "dog")
    words = read_arrays(save(images=IMAGES, labels=np.array(["dog", "cat", "dog", "cat"])))
    assert (words["train"].classes, words["train"].labels.tolist()) == (("cat", "dog"), [1, 0, 1, 0])
    assert (named["train"].given, named["train"].numbers, words["train"].numbers) == (("a/b", "dog"), (0, 1), ())


def test_labels_of_every_form_of_one_class_an_image_are_read() -> None:
    column = read_arrays(save(images=IMAGES, labels=LABELS[:, None].astype(np.uint8)))["train"]
    single = np.eye(11, dtype=np.uint8)[LABELS]
    for part in (column, read_arrays(save(images=IMAGES, labels=single))["train"]):
        assert (part.classes, part.numbers, part.labels.tolist()) == (("00", "10"), (0, 10), [0, 1, 0, 1])
    names = np.array([b"cat", b"caf\xc3\xa9"])
    words = read_arrays(save(images=IMAGES, labels=names[LABELS // 10]))["train"]
    named = read_arrays(save(images=IMAGES, labels=LABELS // 10, class_names=names))["train"]
    assert (words.classes, words.labels.tolist()) == (("café", "cat"), [1, 0, 1, 0])
    assert (named.classes, named.numbers) == (("cat", "café"), (0, 1))


def test_labels_of_several_types_are_whole_numbers_in_all_parts() -> None:
    unsigned, signed = LABELS.astype(np.uint64), LABELS.astype(np.int64)
    parts = read_arrays(save(x_train=IMAGES, y_train=unsigned, x_test=IMAGES, y_test=signed))
    assert (parts["test"].classes, parts["test"].numbers) == (("00", "10"), (0, 10))
    part = read_arrays(save(images=IMAGES, labels=LABELS > 0))["train"]
    assert (part.classes, part.numbers, part.labels.tolist()) == (("0", "1"), (0, 1), [0, 1, 0, 1])


def test_channels_come_first_or_last_and_fractions_are_scaled() -> None:
    colours = np.random.default_rng(0).random((4, 3, 8, 8))
    part = read_arrays(save(images=colours, labels=LABELS))["train"]
    assert np.array_equal(part.image(1), np.round(np.moveaxis(colours[1], 0, 2) * 255).astype(np.uint8))
    single = read_arrays(save(images=IMAGES[..., None], labels=LABELS.astype(float)))["train"]
    assert single.image(0).shape == (8, 8)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": IMAGES}, "The file holds images; images and labels are looked for"),
        ({"x_test": IMAGES, "y_test": LABELS}, "holds the part test, and no images to train on"),
        ({"images": IMAGES, "labels": LABELS[:3]}, "The array labels holds 3 labels for 4 images"),
        *(
            (
                {"images": IMAGES, "labels": np.array([0, 1, large, 1], kind)},
                f"The array labels holds the label {said};",
            )
            for large, kind, said in (
                (2**63, np.uint64, "9.22337e+18"),
                (-1e300, np.float64, "-1e+300"),
                (np.inf, float, "inf"),
            )
        ),
        (
            {"train_images": IMAGES, "train_labels": np.tri(4, 14, dtype=np.uint8)},  # as ChestMNIST has them
            "The array train_labels has the shape 4 x 14: 14 labels an image (multi-label); a network is trained here "
            "on one class an image.",
        ),
        (
            {"train_images": np.zeros((4, 8, 8, 8), np.uint8), "train_labels": LABELS},  # as OrganMNIST3D has them
            "The array train_images has the shape 4 x 8 x 8 x 8: volumes, or images with other than one or three",
        ),
        ({"images": np.uint8(3), "labels": np.int64(0)}, "The array images has the shape of a single value"),
        ({"images": IMAGES, "labels": np.array([b"\xff", b"a", b"a", b"a"])}, "no text in UTF-8"),
        ({"images": IMAGES, "labels": np.array([0.5, 1, 2, 3])}, "labels are whole numbers or words"),
        ({"images": IMAGES, "labels": np.zeros(4, int)}, "The labels name 1 class; 2 to 10,000"),
        (
            {"x_train": IMAGES, "y_train": np.array([0, 1, 0, 1]), "x_test": IMAGES, "y_test": np.arange(4)},
            "The test part holds the label 2, which no training image has",
        ),
        ({"images": IMAGES.astype(int), "labels": LABELS}, "images are bytes"),
        ({"images": IMAGES[:, 0], "labels": LABELS}, "The array images has the shape 4 x 8"),
        ({"images": IMAGES, "labels": np.array(["a", "A", "a", "A"])}, "Two classes have one name"),
    ],
)
def test_what_is_no_set_of_images_is_told(arrays: dict[str, np.ndarray], sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read_arrays(save(**arrays))
    assert sentence in str(caught.value)


def test_batches_of_cifar_100_are_read_by_the_fine_label() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (6, 3074), dtype=np.uint8)
    rows[:, 0], rows[:, 1] = 19, [0, 1, 2, 0, 1, 2]
    files = {"c/train.bin": rows[:4].tobytes(), "c/test.bin": rows[4:].tobytes(), "c/fine_label_names.txt": b"a\nb\nc"}
    found = read_batches(files)
    assert (found["train"].classes, found["test"].labels.tolist()) == (("a", "b", "c"), [1, 2])
    assert np.array_equal(found["test"].image(1), rows[5, 2:].reshape(3, 32, 32).transpose(1, 2, 0))
    with pytest.raises(DataError, match="neither images nor CIFAR's binary batches"):
        read_batches({"test.bin": rows.tobytes()})


def test_names_of_classes_in_batches_may_have_spaces() -> None:
    rows = np.zeros((2, 3073), np.uint8)
    rows[1, 0] = 1
    found = read_batches({"data_batch_1.bin": rows.tobytes(), "batches.meta.txt": b"fire truck\r\ncat\r\n\r\n"})
    assert found["train"].classes == ("fire truck", "cat")
