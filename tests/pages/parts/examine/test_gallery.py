"""Images that cannot be shown leave a sentence."""

from concurrent.futures import Future
from typing import Any

import numpy as np

from core.data.store import DataError
from tests.examined import VAL, make_examined
from tests.pages.conftest import texts
from tests.pages.examine_page import matrix_of


def test_images_that_are_gone_leave_a_sentence_and_their_places(open_page, monkeypatch) -> None:
    def gone(target: str, **question: Any) -> Future:
        future: Future = Future()
        future.set_exception(DataError("The data set is not on this machine."))
        return future

    monkeypatch.setattr("pages.parts.examine.gallery.call", gone)
    page = open_page("examine", id=make_examined().id, cell="3-3")
    assert "The images cannot be shown: The data set is not on this machine." in texts(page)
    assert np.sum(matrix_of(page)["counts"]) == VAL
