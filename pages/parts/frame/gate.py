"""Sign-in, if it is set up: a page with one button, and who is signed in at the top of every page."""

from __future__ import annotations

import logging
from html import escape
from pathlib import Path

import streamlit as st

from pages.parts.frame.assets import read_asset
from pages.parts.frame.style import show_svg
from server import sign_in

log = logging.getLogger("resnet_lab")


def is_let_in() -> bool:
    """Whether the visitor may see the lab."""
    rule, person = sign_in.in_use(), sign_in.find_person()
    return rule is None or (person is not None and not rule.why_kept_out(person))


def show_gate() -> None:
    """For those who are not let in: what to do, and nothing of the lab."""
    rule, person = sign_in.in_use(), sign_in.find_person()
    with st.container(key="lab_gate", horizontal_alignment="center", gap="medium"):
        show_svg(read_asset(Path(__file__).with_name("mark.svg")))
        st.html("<h1>ResNet Lab</h1>")
        if rule and person:
            st.html(f'<p class="lab-muted">{escape(rule.why_kept_out(person))}</p>')
            st.button("Sign out", on_click=st.logout, key="gate.out")
        else:
            st.button("Sign in", on_click=st.login, key="gate.in", type="primary", icon=":material/login:")


def show_visitor() -> None:
    """Who is signed in, and a button to sign out; nothing if nobody needs to sign in."""
    if person := sign_in.find_person():
        with (
            st.container(key="lab_visitor"),
            st.popover("Account", icon=":material/account_circle:", type="tertiary"),
        ):
            st.html(f'<p class="lab-muted lab-small" style="margin:0">Signed in as</p><b>{escape(person.address)}</b>')
            st.button("Sign out", on_click=st.logout, icon=":material/logout:", width="stretch", key="visitor.out")


def note_act(act: str, what: str) -> None:
    """Writes to the log who did something to a run or a study, if people sign in."""
    if address := sign_in.current_address():
        log.info("%s: %s %s", address, act, what)
