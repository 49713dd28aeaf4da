"""Choices and drafts in a page's address; a draft is taken in when a link is opened or Back is pressed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts.frame.frame import was_entered

# The browser may still send an address that was replaced this recently.
STALE_SECONDS = 3.0

Word = tuple[str, str]  # a parameter of the address and its value


@dataclass(frozen=True)
class DraftAddress:
    """`params` are the parameters that may name a draft; the first is the one that is written."""

    page: str
    params: tuple[str, ...]

    def _notes(self) -> dict[str, Any]:
        """Of this session: the word that is `shown` as the draft, and those it `left` with the time of that."""
        first: dict[str, Any] = {"shown": None, "left": {}, "notice": ""}
        notes: dict[str, Any] = st.session_state.setdefault(f"{self.page}.address", first)
        return notes

    @property
    def notice(self) -> str:
        """Why the address could not be used; it is left as it is until the draft is changed."""
        return str(self._notes()["notice"])

    def refuse(self, sentence: str) -> None:
        self._notes()["notice"] = sentence

    def find_news(self, touched: bool) -> Word | None:
        """What the address asks for, unless the draft shows it already or was just changed by hand."""
        notes = self._notes()
        word = next(((name, st.query_params[name]) for name in self.params if st.query_params.get(name)), None)
        if touched:
            notes["notice"] = ""
        if word is None or touched or word == notes["shown"] or self._is_stale(word):
            return None
        notes |= {"shown": word, "notice": ""}
        return word

    def _is_stale(self, word: Word) -> bool:
        left: dict[Word, float] = self._notes()["left"]
        return word in left and time.monotonic() - left[word] < STALE_SECONDS

    def write(self, packed: str | None, touched: bool) -> None:
        """Puts the draft into the address; None takes it out."""
        notes = self._notes()
        if touched:
            notes["notice"] = ""
        if notes["notice"]:
            return
        word = None if packed is None else (self.params[0], packed)
        if notes["shown"] not in (None, word):
            notes["left"][notes["shown"]] = time.monotonic()
        notes["left"].pop(word, None)
        notes["shown"] = word
        for name in self.params:
            if name in st.query_params and (word is None or name != word[0]):
                del st.query_params[name]
        if word and st.query_params.get(word[0]) != word[1]:
            st.query_params[word[0]] = word[1]


def set_params(**values: Any) -> None:
    """Puts choices into the address; None and "" take one out."""
    for name, value in values.items():
        if value in (None, ""):
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = _to_text(value)


def bring_back(page: str, *names: str) -> None:
    """Who comes to a page by the menu finds these parameters as they left them; a link that has any is followed."""
    if was_entered(page) and not any(name in st.query_params for name in names):
        set_params(**st.session_state.get(f"{page}.kept", {}))


def keep_for_return(page: str, *names: str) -> None:
    """Keeps these parameters in the session, as they stand in the address now, for `bring_back`."""
    st.session_state[f"{page}.kept"] = {name: st.query_params[name] for name in names if name in st.query_params}


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
