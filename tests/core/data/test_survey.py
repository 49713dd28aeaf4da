"""A look through a set tells what is there, is kept, and is made again when a file changes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.cache import delete_caches
from core.data.notes import LeftOutImage, keep_list
from core.data.store import DataError
from core.data.survey import (
    NOTED,
    UNUSED,
    divide,
    find_survey,
    list_groups,
    make_survey,
    measure_colours,
    own_part,
    state_of,
)
from core.engine.data import load_data
from core.spec import DataSpec
from tests.core.data.test_alike import make_scenes

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_a_folder_is_described_image_by_image(photographs: DataSpec) -> None:
    assert find_survey(photographs) is None
    make_survey(photographs)
    survey = find_survey(photographs)
    assert survey
    assert (survey.classes, len(survey), survey.num_val, survey.num_test) == (("cat", "dog"), 33, 0, 8)
    assert [fault.path for fault in survey.faults] == ["train/cat/broken.png"]
    assert [left.reason for left in survey.left_out] == [".txt files"]
    root = Path(photographs.folder)
    for index, name in enumerate(survey.names):
        with Image.open(root / name) as image:
            size = image.size[::-1] if "turned" in name else image.size
            assert tuple(survey.sides[index]) == size
            assert survey.formats[survey.kinds[index]] == image.format
        assert survey.bytes[index] == (root / name).stat().st_size
        assert survey.classes[survey.labels[index]] == Path(name).parent.name
        assert own_part(survey, index) == name.partition("/")[0]
    named = [({survey.names[index] for index in group}, is_equal) for group, is_equal in list_groups(survey)]
    assert named == [
        ({"train/cat/04.png", "test/dog/again.png"}, True),
        ({"train/dog/01.png", "test/dog/nearly.jpg"}, False),
    ]


def test_images_stand_where_a_training_has_them(photographs: DataSpec) -> None:
    make_survey(photographs)
    survey = find_survey(photographs)
    assert survey
    gone = survey.names.index("train/cat/04.png")
    mark = keep_list(photographs, [LeftOutImage(survey.names[gone], 0, "train")])
    spec = photographs.model_copy(update={"without": mark, "max_train_images": 15})
    parts, data = divide(survey, spec), load_data(spec)
    for number, name in enumerate(("train", "val", "test")):
        assert survey.labels[parts == number].tolist() == getattr(data, name).labels.tolist()
    assert parts[gone] == NOTED
    assert (parts == UNUSED).sum() == 33 - 1 - 15 - len(data.val) - len(data.test)


def test_what_was_found_is_kept_until_a_file_changes(photographs: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    make_survey(photographs)
    state, first = state_of(photographs), find_survey(photographs)
    assert first
    assert state_of(photographs) == state
    path = Path(photographs.folder) / "train/cat/00.png"
    path.write_bytes((path.parent / "02.png").read_bytes())
    assert find_survey(photographs) is None
    make_survey(photographs)
    second = find_survey(photographs)
    assert second
    assert second.key != first.key
    assert len(second.equal) == 2
    delete_caches()
    assert find_survey(photographs) is None


def test_arrays_are_kept_with_their_labels() -> None:
    spec = DataSpec()
    make_survey(spec)
    survey = find_survey(spec)
    assert survey
    assert (len(survey), survey.num_test, survey.formats, survey.file_names) == (1797, 0, (), ())
    assert (survey.names[12], survey.sides[0].tolist()) == ("12", [8, 8])
    data, parts = load_data(spec), divide(survey, spec)
    assert survey.labels[parts == 2].tolist() == data.test.labels.tolist()
    assert survey.near == ()  # written digits are alike, but not the same


def test_a_set_that_is_not_there_is_told() -> None:
    with pytest.raises(DataError, match="not on this machine yet"):
        find_survey(DataSpec(dataset="cifar10"))


def test_colours_are_means_of_each_image() -> None:
    images = make_scenes(5)
    assert measure_colours(images) == pytest.approx(images.reshape(5, -1, 3).mean(1) / 255, abs=1e-6)
    assert measure_colours(images[:0]).shape == (0, 3)
    assert measure_colours(np.full((2, 4, 4, 3), 255, np.uint8)).tolist() == [[1, 1, 1]] * 2
