"""The list tells each study's state, best value and progress."""

from __future__ import annotations

from tests.pages.sample_studies import make_spec, make_study
from tests.pages.studies_page import rows


def test_the_list_tells_state_best_and_how_far(open_page) -> None:
    make_study("done")
    make_study("young", 0, make_spec())
    found = {row["name"]: row for row in rows(open_page("studies", sort="name"))}
    assert list(found) == ["done", "young"]
    assert found["done"]["cells"]["best"] == "0.2000"
    assert found["done"]["cells"]["epoch"] == "11/12"  # the twelfth was over the budget, and counts as none
    assert found["young"]["state"]["label"] == "Not started"
