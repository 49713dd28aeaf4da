"""Single images come in the order of the stored predictions, as the network saw them, or not at all."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.store import DataError
from core.engine.data import load_data
from core.engine.preview import image_strip, measure_set
from core.spec.parse import parse_spec


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_every_place_gives_the_image_that_training_has_there(part: str, lab_folders: Path) -> None:
    spec = parse_spec({"data": {"dataset": "digits", "max_train_images": 200}})
    data = load_data(spec.data)
    places = [7, 0, 150]
    pictures = image_strip(spec.model_dump_json(), part, places, data.fingerprint)
    for place, picture in zip(places, pictures, strict=True):
        shown = np.asarray(Image.open(io.BytesIO(picture)))
        np.testing.assert_array_equal(shown, getattr(data, part).images[place].permute(1, 2, 0).numpy())


def test_images_that_are_no_longer_those_of_the_run_are_refused(lab_folders: Path) -> None:
    with pytest.raises(DataError, match="no longer those"):
        image_strip(parse_spec({"data": {"dataset": "digits"}}).model_dump_json(), "test", [0], "another fingerprint")


def test_what_training_scales_by_is_told_with_the_fingerprint(lab_folders: Path) -> None:
    spec = parse_spec("{}")
    data = load_data(spec.data)
    assert measure_set(spec.model_dump_json()) == (data.fingerprint, data.mean, data.std)
