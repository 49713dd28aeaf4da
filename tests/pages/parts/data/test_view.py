"""Where an image stands is counted as a training counts."""

import numpy as np
import pytest

from core.data.notes import Note
from core.data.survey import NOTED, UNUSED, find_survey, make_survey
from core.spec import DataSpec
from pages.parts.data.view import View


@pytest.fixture
def view(lab_folders, folder: DataSpec) -> View:
    make_survey(folder)
    survey = find_survey(folder)
    assert survey
    parts = np.array([0, 1, 0, UNUSED, NOTED, 0, *[2] * 14], np.int8)
    return View(folder, survey, parts, {survey.names[2]: Note("cat")})


def test_images_are_numbered_within_their_part(view: View) -> None:
    words = [view.word_of(index) for index in (0, 1, 2, 3, 4, 5, 19)]
    assert words == ["training 0", "validation 0", "training 1", "not used", "left out", "training 2", "test 13"]
    assert view.counts.sum(axis=1).tolist() == [3, 1, 14]


def test_a_noted_image_is_marked(view: View) -> None:
    first, noted = view.tiles([0, 2], chosen=0)
    assert (first.title, first.line, first.wrong, first.chosen) == ("cat", "training 0", False, True)
    assert (noted.line, noted.wrong, noted.chosen) == ("training 1 · noted", True, False)
    assert noted.source.startswith("data:image/webp;base64,")
