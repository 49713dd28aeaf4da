"""Sample images are made once for the same data and augmentation."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.spec import RunSpec
from tests.pages.build_page import (
    key_of,
    set_number,
)
from tests.pages.conftest import texts

OpenPage = Callable[..., AppTest]


def test_images_of_another_data_set_are_not_shown_for_a_folder_without_a_path(
    open_page: OpenPage,
) -> None:
    waiting = "The images can be shown once the data is chosen."
    page = open_page("build")
    assert waiting not in texts(page)
    page.selectbox(key=key_of(page, "data.dataset")).select("folder").run()
    assert waiting in texts(page)


def test_samples_are_asked_for_once_for_the_same_images(open_page: OpenPage, pictures: list[dict[str, object]]) -> None:
    page = open_page("build")
    set_number(page, key_of(page, "train.epochs"), 3)
    assert len(pictures) == 1
    set_number(page, key_of(page, "augment.crop_padding"), 1)
    assert len(pictures) == 2
    asked = RunSpec.model_validate_json(str(pictures[1]["spec_json"]))
    assert asked.augment.crop_padding == 1
