"""What is wrong with a folder's images is told before a training starts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import checks
from core.data.cache import cached_images
from core.data.checks import Checks, check_images, find_constant, find_equal, list_remarks, sum_up
from core.data.folder import list_images
from core.data.store import DataError
from core.spec import DataSpec
from tests.folders import copy_images


def spec_of(root: Path, **values: object) -> DataSpec:
    return DataSpec(**{"dataset": "folder", "folder": str(root), "image_size": 8, "folder_classes": 2, **values})


def save_noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def sound(lab_folders: Path, tmp_path: Path) -> Path:
    """Twenty images to train on and four to test, all different, none constant."""
    for seed in range(24):
        part = "train" if seed < 20 else "test"
        save_noise(tmp_path / "images" / part / ("cat", "dog")[seed % 2] / f"{seed:02}.png", seed)
    return tmp_path / "images"


def test_a_sound_folder_has_no_remarks(sound: Path) -> None:
    report = check_images(spec_of(sound), decode=True)
    assert list_remarks(report, spec_of(sound)) == []
    assert report.counts == {"train": (9, 9), "val": (1, 1), "test": (2, 2)}
    assert sum_up(report) == "24 images checked: 18 training, 2 validation and 4 test."


def test_each_kind_of_suspect_is_named_with_its_count(sound: Path) -> None:
    shutil.copy(sound / "train/cat/00.png", sound / "test/cat/again.png")
    for place in range(3, 20, 2):  # whichever is held out for validation, training has its equal
        shutil.copy(sound / "train/dog/01.png", sound / f"train/dog/{place:02}.png")
    shutil.copy(sound / "train/dog/01.png", sound / "test/cat/wrong.png")
    Image.new("RGB", (8, 8), (200, 10, 10)).save(sound / "train/cat/blank.png")
    (sound / "train/cat/broken.png").write_text("no image")
    spec = spec_of(sound, val_fraction=0.01)
    report = check_images(spec, decode=True)
    assert [fault.path for fault in report.faults] == ["train/cat/broken.png"]
    assert report.constant == ("train/cat/blank.png",)
    sentences = [remark.sentence for remark in list_remarks(report, spec)]
    assert [remark.refuses for remark in list_remarks(report, spec)] == [True, False, False, False]
    assert sentences[0].startswith("The image train/cat/broken.png cannot be decoded: ")
    assert "No validation images of cat." in sentences or "No validation images of dog." in sentences
    assert "1 image nearly constant: hardly any pixel differs from the others." in sentences
    assert (
        "2 of 6 test images are in training or validation too, equal in every pixel, 1 of them under another class."
        in sentences
    )
    pairs = {repeat.path: repeat for repeat in report.repeats["test"]}
    assert pairs["test/cat/again.png"].equal_path == "train/cat/00.png"
    assert pairs["test/cat/wrong.png"].is_other_class
    lenient = spec.model_copy(update={"damaged": "leave_out"})
    assert list_remarks(report, lenient)[0].sentence == "1 damaged image will be left out."


def test_images_under_two_classes_are_told_also_where_they_are_nearly_equal(sound: Path) -> None:
    train = sound / "train"
    shutil.copy(train / "cat/00.png", train / "dog/planted.png")
    pixels = np.asarray(Image.open(train / "dog/01.png"))
    Image.fromarray(np.clip(pixels * 0.95 + 6, 0, 255).astype(np.uint8)).save(train / "cat/paler.png")
    Image.fromarray(np.clip(pixels * 0.9 + 6, 0, 255).astype(np.uint8)).save(sound / "test/dog/palest.png")
    spec = spec_of(sound, val_fraction=0.0)
    report = check_images(spec, decode=True)
    told = {remark.sentence: list(remark.images) for remark in list_remarks(report, spec)}
    pair, near = ["train/cat/00.png", "train/dog/planted.png"], ["train/cat/paler.png", "train/dog/01.png"]
    assert told == {
        "1 of 5 test images is in training or validation too, nearly equal, 1 of them under another class.": [
            "test/dog/palest.png = train/cat/paler.png (another class)"
        ],
        "2 training images stand under another class too, equal in every pixel.": [
            " = ".join(pair),
            " = ".join(reversed(pair)),
        ],
        "2 training images stand under another class too, nearly equal.": [
            " = ".join(near),
            " = ".join(reversed(near)),
        ],
    }
    assert "not searched" not in sum_up(report)


def test_nearly_equal_ones_are_searched_for_where_that_is_quick_or_asked_for(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_images(spec_of(sound), decode=True)
    monkeypatch.setattr(checks, "UNASKED_IMAGES", 3)
    kept = check_images(spec_of(sound), decode=False)
    assert kept.has_near
    (sound / "train/cat/00.png").unlink()
    cached_images(list_images(str(sound)), spec_of(sound))  # as a training does
    unasked = check_images(spec_of(sound), decode=False)
    assert (unasked.is_decoded, unasked.has_near) == (True, False)
    assert sum_up(unasked).endswith("Nearly equal ones were not searched for.")
    monkeypatch.setattr(checks.alike, "MAX_IMAGES", 3)
    assert not check_images(spec_of(sound), decode=True).has_near


def test_a_set_that_is_split_is_searched_across_its_parts(lab_folders: Path, tmp_path: Path) -> None:
    for seed in range(20):
        save_noise(tmp_path / "images" / ("cat", "dog")[seed % 2] / f"{seed:02}.png", seed // 4)
    report = check_images(spec_of(tmp_path / "images", test_fraction=0.3), decode=True)
    assert report.repeats["test"]
    assert all(one.path != one.equal_path for one in report.repeats["test"])


def test_a_large_folder_is_only_decoded_when_asked_to(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "UNASKED_IMAGES", 3)
    first = check_images(spec_of(sound), decode=False)
    assert (first.is_decoded, first.images, first.counts["test"]) == (False, 24, (2, 2))
    asked = check_images(spec_of(sound), decode=True)
    assert asked.is_decoded
    monkeypatch.setattr(checks, "find_equal", lambda pixels: pytest.fail("searched again"))
    assert check_images(spec_of(sound), decode=False) == asked


def test_a_class_that_is_all_damaged_is_told_by_its_images(sound: Path) -> None:
    for path in (sound / "train" / "cat").iterdir():
        path.write_text("no image")
    report = check_images(spec_of(sound), decode=True)
    assert len(report.faults) == 10
    assert list_remarks(report, spec_of(sound))[0].sentence.startswith("10 of 24 images cannot be decoded: ")


def test_constant_and_equal_images_are_found_in_any_place(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    images[2] = 77
    images[2, 0, 0] += 2
    images[5] = images[1]
    images[6] = [255, 0, 0]
    monkeypatch.setattr(checks, "_CHUNK_BYTES", 2 * images[0].nbytes)
    assert find_constant(images) == [2, 6]
    assert find_equal(images) == [[1, 5]]


def test_a_page_is_answered_later_and_the_answer_is_kept(sound: Path, tmp_path: Path) -> None:
    looks = Checks()
    future, since = looks.look(spec_of(sound), "state")
    assert future.result(timeout=60).images == 24
    assert looks.look(spec_of(sound), "state") == (future, since)
    assert looks.look(spec_of(sound), "another state")[0] is not future
    looks.forget(spec_of(sound), "state")
    assert looks.look(spec_of(sound), "state")[0] is not future
    nowhere, _ = looks.look(spec_of(tmp_path / "none"), "state")
    assert isinstance(nowhere.exception(timeout=60), DataError)


def test_planted_faults_are_found_among_real_photographs(
    images_folder: Path, lab_folders: Path, tmp_path: Path
) -> None:
    root = copy_images(images_folder, tmp_path / "photographs", train=20, test=5)
    spec = spec_of(root, image_size=32, folder_classes=10)
    before = check_images(spec, decode=True)
    assert before.images == 250
    assert not before.faults
    planted = sorted((root / "train" / "ship").iterdir())[:3]
    for path in planted:
        shutil.copy(path, root / "test" / "truck" / f"planted-{path.name}")
    Image.new("RGB", (32, 32), (250, 250, 250)).save(root / "train" / "cat" / "planted.jpg", quality=60)
    cut = min((root / "train" / "dog").iterdir())
    cut.write_bytes(cut.read_bytes()[:400])
    after = check_images(spec, decode=True)
    assert [fault.path for fault in after.faults] == [str(cut.relative_to(root))]
    assert set(after.constant) - set(before.constant) == {"train/cat/planted.jpg"}
    found = [one for one in after.repeats.get("test", ()) if "planted" in one.path]
    in_training = {one.equal_path for one in found}
    assert in_training <= {str(path.relative_to(root)) for path in planted}
    assert all(one.is_other_class for one in found)
    assert len(found) == 3


def test_a_part_without_any_image_that_can_be_decoded_refuses_the_start(sound: Path) -> None:
    for path in (sound / "test").rglob("*.png"):
        path.write_text("no image")
    spec = spec_of(sound, damaged="leave_out")
    report = check_images(spec, decode=True)
    (remark,) = list_remarks(report, spec)
    assert (remark.refuses, "No image of the test part" in remark.sentence) == (True, True)
    assert sum_up(report) == "24 images checked."
