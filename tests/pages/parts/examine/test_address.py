"""Every choice is kept in the address, moved into its range."""

from core.data.edits import Edits
from tests.examined import VAL, make_examined
from tests.pages.examine_page import asked
from tests.pages.sample_runs import add_checkpoint


def test_what_is_moved_goes_into_the_address(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    page = open_page("examine", id=run.id, tab="Image", turn="45")
    page.slider(key="examine.turn").set_value(0.0).run()
    page.slider(key="examine.blur").set_value(1.5).run()
    assert "turn" not in page.query_params
    assert page.query_params["blur"] == "1.5"
    assert asked("ask")[-1]["edits"] == Edits(blur=1.5)


def test_numbers_out_of_range_in_the_address_are_moved_into_it(open_page) -> None:
    run = make_examined()
    add_checkpoint(run)
    address = {"image": "99999", "layer": "77", "bright": "-4", "blur": "nan", "noise": "x", "class": "99"}
    open_page("examine", id=run.id, tab="Image", **address)
    (question,) = asked("ask")
    assert question["picture"].index == VAL - 1
    assert question["edits"] == Edits(brightness=0.2)
    assert question["for_class"] is None
