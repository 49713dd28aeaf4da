"""A page asks for a survey once, and is told how far it is."""

import os
from pathlib import Path

import pytest

from core.data.survey import find_survey
from core.data.survey_queue import SURVEYS, Reporter, read_progress
from core.spec import DataSpec

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_a_page_asks_once_and_is_told_how_far_it_is(photographs: DataSpec) -> None:
    future = SURVEYS.ask(photographs)
    assert SURVEYS.ask(photographs) is future
    future.result(timeout=60)
    assert read_progress(photographs) is None
    assert find_survey(photographs)
    SURVEYS.forget(photographs)
    assert SURVEYS.ask(photographs) is not future
    with Reporter(photographs) as report:
        report("Reading the files' sizes", 3, 30)
        assert read_progress(photographs) == ("Reading the files' sizes", 3, 30)
        report("decoding:abc", 0, 30)
        part = Path(os.environ["RESNET_LAB_DATA"]) / ".work" / "abc.part"
        part.mkdir()
        (part / "images.tally").write_bytes(b".")
        assert read_progress(photographs) == ("Decoding the images", 30, 30)
