"""Notifications of the browser itself, while a page of the lab is open in it.

The frame of every page hands over what was told since the page was opened; the browser shows each message once,
however many pages are open, and only where somebody allowed it by a click on the Lab page.
"""

from __future__ import annotations

import time

import streamlit as st

from core.notify.journal import read_messages
from pages.parts.frame.assets import load

_SINCE = "notify.since"
# What came while one page of the lab was left for another; what was shown is not shown again.
GRACE_SECONDS = 10.0
MAX_NOTICES = 20

_notices = load("notices", __file__)
_permission = load("permission", __file__)


def show_notices() -> None:
    """Nothing to see: hands the browser what was told since this page was opened."""
    since: float = st.session_state.setdefault(_SINCE, time.time() - GRACE_SECONDS)
    notices = [
        {
            "id": f"{message.time:.6f} {message.id}",
            "title": message.title,
            "body": "\n".join(message.lines),
            "path": message.path,
        }
        for message in read_messages(since)[-MAX_NOTICES:]
    ]
    _notices(key="notify.notices", data={"notices": notices})


def show_permission() -> None:
    """Whether this browser may show notifications, and a button that asks it."""
    _permission(key="notify.permission", data={})
