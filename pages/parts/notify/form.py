"""What the Lab page sets: which ends and figures are told, the webhook, the mail server, and a test of each.

What is secret goes one way: a field for it is always empty, and says whether something is kept.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from core.notify.attempt import send_test
from core.notify.events import EVENTS
from core.notify.journal import Outcome, read_outcomes
from core.notify.messages import FIGURES, FigureKind
from core.notify.settings import (
    CHANNELS,
    FORMS,
    LOCAL,
    PORTS,
    SECURITIES,
    NotifyError,
    Settings,
    SettingsError,
    change_settings,
    read_settings,
    save_settings,
)
from core.spec.parse import FieldProblem, read_number
from core.system.errors import LabError
from core.text.formats import format_ago
from pages.parts.frame.failure import tell
from pages.parts.frame.gate import note_act
from pages.parts.frame.numbers import say, say_problem, show_number
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while
from pages.parts.notify.browser import show_permission
from pages.parts.transfer.jobs import Job

_JOBS, _SAID = "notify.jobs", "notify.said"
SHARE = 100.0  # shares are shown in percent
# What the fields are called here; what is wrong with one is told by its name.
_LABELS = {
    "events": "Tell when a run or a study is",
    "figures": "The figures",
    "lab_address": "Address of this lab",
    "webhook.form": "Form",
    "webhook.address": "Address",
    "mail.host": "Mail server",
    "mail.security": "Encryption",
    "mail.port": "Port",
    "mail.user": "User",
    "mail.password": "Password",
    "mail.sender": "From",
    "mail.to": "To",
}


def show_notifications() -> None:
    """The whole section."""
    show_permission()
    try:
        settings = read_settings()
    except LabError as error:
        show_problem(f"What was set cannot be used, so nobody is told: {error}")
        settings = Settings()
    _show_events(settings)
    _show_webhook(settings)
    _show_mail(settings)


def _show_events(settings: Settings) -> None:
    """Which ends and figures are told, by whatever way."""
    with st.form("notify.what", border=False):
        ends = {name: label for name, label in EVENTS.items() if name != "figure"}
        st.pills(
            _LABELS["events"],
            list(ends),
            selection_mode="multi",
            default=[event for event in settings.events if event in ends],
            format_func=ends.__getitem__,
            key="notify.events",
        )
        st.html(
            '<p class="lab-muted lab-small">And once for each run that beats one of these figures: on validation after '
            "any epoch, on test at its end.</p>"
        )
        with st.container(key="grid_notify_figures"):
            for name, kind in FIGURES.items():
                threshold = settings.figures.get(name)
                scale = SHARE if kind.is_share else 1.0
                show_number(
                    _label_of(kind),
                    None if threshold is None else round(threshold * scale, 10),
                    placeholder="not told",
                    key=f"notify.{name}",
                )
        st.text_input(
            _LABELS["lab_address"],
            settings.lab_address,
            placeholder="https://lab.example.org",
            key="notify.lab_address",
            help="Where people who are told can reach these pages: messages then hold a link. None without it.",
        )
        st.checkbox("The runs of a study too", settings.trials, key="notify.trials")
        if not os.environ.get(LOCAL, "").strip():
            st.checkbox(
                "Webhook and mail server may be on this machine or its own network",
                settings.allow_local,
                key="notify.allow_local",
            )
        st.form_submit_button("Save", key="notify.save_what", on_click=_save, args=("what", _read_what))
    _show_said("what")


def _read_number(label: str, key: str, *, is_whole: bool = False) -> int | float | None:
    """What is in a box for a number; None if it is empty. Raises NotifyError with the text that was typed."""
    found = read_number(st.session_state.get(key) or "", is_whole=is_whole)
    if isinstance(found, str):
        message = f"must be a {'whole ' if is_whole else ''}number"
        raise NotifyError(say_problem(label, FieldProblem(key, message, found)))
    return found


def _read_figure(name: str) -> float | None:
    """The threshold in a figure's box; a share as it is typed, in percent. Raises NotifyError."""
    kind = FIGURES[name]
    threshold = _read_number(_label_of(kind), f"notify.{name}")
    highest = SHARE if kind.is_share else math.inf
    if threshold is not None and not 0 <= threshold <= highest:
        message = f"must be from 0 to {SHARE:g}" if kind.is_share else "must be at least 0"
        raise NotifyError(say(_label_of(kind), message))
    return threshold


def _label_of(kind: FigureKind) -> str:
    word = "above" if kind.is_maximized else "below"
    return f"{kind.label.partition(',')[0]} {word}{', %' if kind.is_share else ''}"


def _read_what() -> dict[str, Any]:
    state = st.session_state
    figures = {name: _read_figure(name) for name in FIGURES}
    changes = {
        "events": [*(state["notify.events"] or ()), "figure"],
        "figures": {
            # 90.1 % must not become 0.9009999999999999.
            name: round(value / SHARE, 12) if FIGURES[name].is_share else value
            for name, value in figures.items()
            if value is not None
        },
        "lab_address": state["notify.lab_address"],
        "trials": state["notify.trials"],
    }
    return changes | ({"allow_local": state["notify.allow_local"]} if "notify.allow_local" in state else {})


def _show_webhook(settings: Settings) -> None:
    webhook = settings.webhook
    title = f"Webhook: {FORMS[webhook.form]}, {webhook.host}" if webhook else "Webhook: none"
    with st.expander(_escape_label(title), icon=":material/webhook:", key="notify.part.webhook"):
        with st.form("notify.webhook", border=False):
            st.segmented_control(
                _LABELS["webhook.form"],
                list(FORMS),
                default=webhook.form if webhook else "json",
                required=True,
                format_func=FORMS.__getitem__,
                key="notify.webhook.form",
            )
            st.text_input(
                _LABELS["webhook.address"],
                type="password",
                placeholder=f"kept, at {webhook.host}" if webhook else "https://…",
                key="notify.webhook.address",
                autocomplete="off",
                help="Whoever knows it can write there, so it is never shown again, nor logged or exported.",
            )
            st.form_submit_button("Save", key="notify.save_webhook", on_click=_save, args=("webhook", _read_webhook))
        _show_said("webhook")
        if webhook:
            _show_channel("webhook")


def _read_webhook() -> dict[str, Any]:
    changes = {"webhook.form": st.session_state["notify.webhook.form"]}
    return changes | _typed_secret("webhook.address")


def _show_mail(settings: Settings) -> None:
    mail = settings.mail
    title = f"Mail: {', '.join(mail.to)} by {mail.host}" if mail else "Mail: none"
    with st.expander(_escape_label(title), icon=":material/mail:", key="notify.part.mail"):
        with st.form("notify.mail", border=False):
            with st.container(key="grid_notify_mail"):
                st.text_input(_LABELS["mail.host"], mail.host if mail else "", key="notify.mail.host")
                st.selectbox(
                    _LABELS["mail.security"],
                    list(SECURITIES),
                    list(SECURITIES).index(mail.security if mail else "starttls"),
                    format_func=SECURITIES.__getitem__,
                    key="notify.mail.security",
                )
                show_number(
                    _LABELS["mail.port"],
                    mail.port if mail else None,
                    key="notify.mail.port",
                    placeholder=f"{PORTS['starttls']} or {PORTS['tls']}",
                )
                st.text_input(
                    _LABELS["mail.user"], mail.user if mail else "", key="notify.mail.user", autocomplete="off"
                )
                st.text_input(
                    _LABELS["mail.password"],
                    type="password",
                    placeholder="kept" if mail and mail.password.get_secret_value() else "",
                    key="notify.mail.password",
                    autocomplete="new-password",
                )
                st.text_input(_LABELS["mail.sender"], mail.sender if mail else "", key="notify.mail.sender")
            st.text_input(
                _LABELS["mail.to"],
                ", ".join(mail.to) if mail else "",
                key="notify.mail.to",
                help="Addresses, with commas between.",
            )
            st.form_submit_button("Save", key="notify.save_mail", on_click=_save, args=("mail", _read_mail))
        _show_said("mail")
        if mail:
            _show_channel("mail")


def _read_mail() -> dict[str, Any]:
    fields = ("host", "security", "sender")
    changes = {f"mail.{name}": st.session_state[f"notify.mail.{name}"] or None for name in fields}
    changes["mail.port"] = _read_number(_LABELS["mail.port"], "notify.mail.port", is_whole=True)
    receivers = [part.strip() for part in st.session_state["notify.mail.to"].split(",") if part.strip()]
    user = st.session_state["notify.mail.user"].strip()
    # Without a user there is nothing to keep a password for.
    secret = _typed_secret("mail.password") if user else {"mail.password": None}
    return {**changes, "mail.to": receivers, "mail.user": user, **secret}


def _typed_secret(path: str) -> dict[str, str]:
    """What was typed, taken out of the field; nothing where that was left empty: the kept one stays."""
    typed = str(st.session_state[f"notify.{path}"]).strip()
    st.session_state[f"notify.{path}"] = ""
    return {path: typed} if typed else {}


def _save(part: str, read: Any) -> None:
    """As a button's callback."""
    try:
        changes = read()
    except NotifyError as error:
        st.session_state[_SAID] = (part, str(error))
        return
    _keep(part, changes)


def _keep(part: str, changes: Mapping[str, Any]) -> None:
    try:
        save_settings(change_settings(read_settings(), changes))
    except SettingsError as error:
        sentences = [say(_LABELS.get(problem.path, problem.path), problem.message) for problem in error.problems]
        st.session_state[_SAID] = (part, " ".join(sentences))
        return
    except (LabError, OSError) as error:
        st.session_state[_SAID] = (part, tell(error))
        return
    st.session_state[_SAID] = (part, "")
    note_act("changed", f"notifications: {part}")


def _remove(channel: str) -> None:
    _jobs().pop(channel, None)
    _keep(channel, {channel: None})


def _show_said(part: str) -> None:
    """What came of the last change of this part, once."""
    if (said := st.session_state.get(_SAID)) and said[0] == part:
        del st.session_state[_SAID]
        if said[1]:
            show_problem(said[1])
        else:
            st.html('<p class="lab-good lab-small" role="status">Saved.</p>')


def _jobs() -> dict[str, Job[None]]:
    jobs: dict[str, Job[None]] = st.session_state.setdefault(_JOBS, {})
    return jobs


def _is_busy(channel: str) -> bool:
    return channel in _jobs() and not _jobs()[channel].is_over()


def _show_channel(channel: str) -> None:
    renew_while(lambda: _is_busy(channel), lambda: _show_test(channel))


def _show_test(channel: str) -> None:
    """A button that sends a test, one that removes the channel, and how the last message went."""
    busy = _is_busy(channel)
    with st.container(horizontal=True, vertical_alignment="center", key=f"notify.line.{channel}"):
        st.button(
            "Sending" if busy else "Send a test",
            icon=":material/hourglass_top:" if busy else ":material/send:",
            disabled=busy,
            key=f"notify.test.{channel}",
            on_click=lambda: _jobs().update({channel: Job(lambda _: send_test(channel))}),
        )
        st.button("Remove", icon=":material/delete:", key=f"notify.remove.{channel}", on_click=_remove, args=(channel,))
    job = _jobs().get(channel)
    problem = job.answer()[1] if job and job.is_over() else ""
    outcome = read_outcomes().get(channel)
    if problem and not (outcome and outcome.problem == problem):
        show_problem(problem)
    if outcome and not busy:
        _show_outcome(channel, outcome)


def _show_outcome(channel: str, outcome: Outcome) -> None:
    when = f"{outcome.title}, {format_ago(outcome.time)}"
    if outcome.problem:
        show_problem(f"Not delivered: {when}. {outcome.problem}")
    else:
        st.html(f'<p class="lab-muted lab-small">{CHANNELS[channel]} delivered: {escape(when)}</p>')


def _escape_label(text: str) -> str:
    """Text for a label, which reads Markdown."""
    return "".join(f"\\{each}" if each in r"\`*_{}[]()#+-.!:$~<>|^" else each for each in text)
