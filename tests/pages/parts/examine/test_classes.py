"""A chosen cell shows its images."""

import numpy as np

from tests.examined import VAL, make_examined, make_logits
from tests.pages.conftest import component_data


def test_a_cell_in_the_address_shows_its_images_the_most_confident_first(open_page) -> None:
    logits, given = make_logits(VAL, 0)
    page = open_page("examine", id=make_examined().id, cell="3-3")
    (gallery,) = component_data(page, "resnet_lab_gallery")
    indices = [item["index"] for item in gallery["items"]]
    assert set(indices) == set(np.flatnonzero((given == 3) & (logits.argmax(1) == 3)))
    assert all(item["title"] == "kind 3" for item in gallery["items"])
