"""The Studies page leads from the list to one study and back; nothing it asks for is lost."""

from __future__ import annotations

import pytest

from core.studies.spec import STUDY_PRESETS
from tests.pages.conftest import labels, texts
from tests.pages.sample_studies import make_study
from tests.pages.studies_page import defined, widget


def test_without_a_study_the_page_says_what_one_does_and_offers_two(open_page) -> None:
    page = open_page("studies")
    assert "No studies yet" in texts(page)
    assert labels(page) == ["Define a study", "Run the student report's"]


def test_a_storage_that_cannot_be_used_is_told_in_a_sentence(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LAB_STORAGE", "nonsense://user:secret@somewhere/db")
    text = texts(open_page("studies"))
    assert "SQLAlchemy knows no such database" in text
    assert "secret" not in text


@pytest.mark.parametrize("name", list(STUDY_PRESETS))
def test_a_preset_stands_in_the_form_as_it_is(open_page, name: str) -> None:
    page = open_page("studies", new=name)
    assert defined(page) == STUDY_PRESETS[name]
    assert not widget(page.button, "Save without starting").disabled


def test_an_unknown_study_leads_back(open_page) -> None:
    page = open_page("studies", name="nobody")
    assert "no such study" in texts(page)
    assert "All studies" in labels(page)


def test_names_and_reasons_are_text(open_page) -> None:
    make_study("<b>bold</b>")
    assert "<b>bold</b>" not in texts(open_page("studies", name="<b>bold</b>"))
