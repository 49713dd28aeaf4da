"""A study's network is edited on Build and comes back; the rest of the study stays."""

from __future__ import annotations

import pytest

from core.studies.spec import STUDY_PRESETS
from tests.pages.conftest import labels, press


def test_build_leads_back_only_while_a_study_is_edited(open_page) -> None:
    assert "Use it in the study" not in labels(open_page("build"))


@pytest.mark.parametrize("label", ["Use it in the study", "Leave the study as it is"])
def test_both_ways_back_end_on_the_study_and_offer_themselves_once(open_page, switched: list, label: str) -> None:
    page = open_page("build")
    page.session_state["studies.edited_on_build"] = True
    page.run()
    press(page, label)
    assert switched == [("studies.py", {"new": "draft"})]
    draft = page.session_state["studies.draft"]
    assert draft.good is None or draft.good.space == STUDY_PRESETS["first-look"].space
    page.run()
    assert label not in labels(page)
