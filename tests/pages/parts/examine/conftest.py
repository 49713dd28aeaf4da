"""Parts of the Examine page without a helper process."""

import pytest

from tests.pages.examine_page import ASKED, answer


@pytest.fixture(autouse=True)
def helper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place that asks the helper process is answered here."""
    import streamlit as st

    ASKED.clear()
    st.cache_data.clear()
    st.cache_resource.clear()
    for place in ("pages.parts.examine.gallery", "pages.parts.examine.image", "pages.parts.examine.load"):
        monkeypatch.setattr(f"{place}.call", answer)
    monkeypatch.setattr("core.examine.predicting.call", answer)
