"""The matrix holds every image once, and only its own cells can be chosen."""

import numpy as np
import pytest

from tests.examined import VAL, make_examined
from tests.pages.examine_page import matrix_of


def test_the_matrix_holds_every_image_once(open_page) -> None:
    page = open_page("examine", id=make_examined().id)
    assert np.sum(matrix_of(page)["counts"]) == VAL


@pytest.mark.parametrize("cell", ["", "3", "3-99", "a-b", "-1-2", "1-2-3", "²-²"])
def test_a_cell_that_is_none_is_passed_over(open_page, cell: str) -> None:
    page = open_page("examine", id=make_examined().id, cell=cell)
    assert matrix_of(page)["chosen"] is None
