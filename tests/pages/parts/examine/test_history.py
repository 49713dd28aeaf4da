"""The history follows the epoch of the address."""

import numpy as np

from tests.examined import EPOCHS, VAL, make_examined, make_logits
from tests.pages.conftest import texts
from tests.pages.examine_page import matrix_of


def test_history_is_scrubbed_by_the_address(open_page) -> None:
    run = make_examined()
    for epoch in range(1, EPOCHS + 1):
        page = open_page("examine", id=run.id, tab="History", epoch=str(epoch))
        logits, given = make_logits(VAL, epoch - 1, skill=epoch - 1)
        assert np.trace(matrix_of(page)["counts"]) == (logits.argmax(1) == given).sum()
    page.slider(key="examine.epoch").set_value(2).run()
    assert page.query_params["epoch"] == "2"


def test_a_run_without_history_keeps_the_rest(open_page) -> None:
    run = make_examined()
    (run.path / "predictions" / "val_classes.bin").unlink()
    text = texts(open_page("examine", id=run.id, tab="History"))
    assert "kept no predictions of its epochs" in text
    assert "60 validation images" in text
