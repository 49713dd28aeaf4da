"""What tests of the Studies page's parts share."""

from __future__ import annotations

import pytest


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list:
    """The pages that were switched to, with their parameters, in place of going there."""
    found: list = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: found.append((page, query_params)))
    return found
