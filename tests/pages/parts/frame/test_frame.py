"""A page knows whether it was entered or only ran again."""

from typing import Any

import pytest

from pages.parts.frame import frame


class Browser:
    def __init__(self) -> None:
        self.session_state: dict[str, Any] = {}


def test_a_page_is_entered_once_until_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "st", Browser())
    assert not frame.was_entered("build"), "without the frame"
    found = []
    for page in ("build", "build", "runs", "build"):
        frame.note_page(page)
        found.append(frame.was_entered(page))
    assert found == [True, False, True, True]
