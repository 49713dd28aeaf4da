"""Sample images are made once for the same data and augmentation."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.spec import RunSpec
from tests.pages.build_page import (
    key_of,
    set_number,
)

OpenPage = Callable[..., AppTest]


def test_samples_are_asked_for_once_for_the_same_images(open_page: OpenPage, pictures: list[dict[str, object]]) -> None:
    page = open_page("build")
    set_number(page, key_of(page, "train.epochs"), 3)
    assert len(pictures) == 1
    set_number(page, key_of(page, "augment.crop_padding"), 1)
    assert len(pictures) == 2
    asked = RunSpec.model_validate_json(str(pictures[1]["spec_json"]))
    assert asked.augment.crop_padding == 1
