"""Build as the place where a branch is shaped: where it begins, what it changes, and which fields have to stay."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import streamlit as st

from core.launch.branches import BranchError, Fork, add_epochs, find_fork, list_forks, tell_fork
from core.runs.records import BranchUse, RunNotFoundError
from core.spec.branching import list_changes
from core.spec.fields import field_at, label_path, show_value
from core.spec.link import from_link
from core.spec.parse import SpecError
from core.system.errors import LabError
from core.text.words import count_of
from pages.parts.build.draft import Draft
from pages.parts.frame.address import DraftAddress
from pages.parts.frame.failure import tell

ADDRESS = DraftAddress("build.branch", ("branch",))
SHOWN = 8  # changes by name
_USES: dict[str, BranchUse] = {"weights": "weights"}
_UNCHANGED: dict[BranchUse, str] = {
    "line": "nothing yet: it is what the run itself would have been",
    "weights": "nothing yet",
}
_LABELS: dict[BranchUse, str] = {"line": "Go on", "weights": "Weights alone"}


def read_branch(draft: Draft, touched: bool) -> None:
    """Makes the draft a branch if the address asks for one; a spec in the address is what it changes to.

    `touched`: whether a person has just changed the draft, which then wins over the address.
    """
    if (word := ADDRESS.find_news(touched)) is None:
        return
    place, _, use = word[1].partition(":")
    run_id, _, epoch = place.partition("@")
    if not (epoch == "" or epoch.isdecimal()) or use not in ("", *_USES):
        ADDRESS.refuse("The link to a branch cannot be used. It reads branch=ID@EPOCH, with :weights for these alone.")
        return
    try:
        fork = find_fork(run_id, int(epoch) if epoch.isdecimal() and len(epoch) < 10 else None, _USES.get(use, "line"))
    except (LabError, OSError) as error:
        gone = isinstance(error, RunNotFoundError)
        ADDRESS.refuse(f"There is no run “{run_id[:60]}” to branch off from." if gone else tell(error))
        return
    if not _brings_spec():
        _begin(draft, fork)
    draft.fork = fork


def _brings_spec() -> bool:
    """Whether the address holds a spec that can be read: of a damaged one, Build says so itself."""
    link = st.query_params.get("spec")
    try:
        return bool(from_link(link)) if link else False
    except SpecError:
        return False


def _begin(draft: Draft, fork: Fork) -> None:
    """The parent's spec; where all of its epochs are done, with half as many more."""
    spec = fork.run.spec
    if fork.use == "line" and fork.epoch >= spec.train.epochs:
        try:
            spec = add_epochs(fork, max(1, spec.train.epochs // 2))
        except SpecError:
            spec = fork.run.spec  # as long as a training can be: said at the field
    draft.replace(spec)


def write_branch(draft: Draft, touched: bool) -> None:
    ADDRESS.write(None if draft.fork is None else _to_word(draft.fork), touched)


def _to_word(fork: Fork) -> str:
    return f"{fork.run.id}@{fork.epoch}{':weights' if fork.use == 'weights' else ''}"


def show_branch(draft: Draft) -> None:
    """The parent, the epoch to choose, what is changed and what follows; nothing where the draft is no branch."""
    if (fork := draft.fork) is None:
        return
    with st.container(key="branch", gap="xsmall", border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            name, link = escape(fork.run.about.name), f"run?id={fork.run.id}"
            st.html(
                f'<p style="margin:0">Branch of <a href="{link}" target="_self">{name}</a> after epoch</p>',
                width="content",
            )
            _show_epochs(draft, fork)
            _show_use(draft, fork)
            st.button(
                "No branch",
                key="branch.leave",
                icon=":material/close:",
                type="tertiary",
                on_click=_leave,
                args=(draft,),
                help="Keeps the form as it is, for a run that begins at the first epoch.",
            )
        changes = list_changes(fork.run.spec, draft.good)
        named = [f"{label_path(path)} {_show(path, was)} → {_show(path, now)}" for path, (was, now) in changes.items()]
        more = [f"and {count_of(len(named) - SHOWN, 'more', 'more')}"] if len(named) > SHOWN else []
        what = ", ".join([*named[:SHOWN], *more]) or _UNCHANGED[fork.use]
        told = "" if draft.problems else " ".join(tell_fork(fork, draft.good))
        follows = f' <span class="lab-muted">{escape(told)}</span>' if told else ""
        st.html(f'<p class="lab-small" style="margin:0"><b>Changes</b> {escape(what)}.{follows}</p>')


def _show(path: str, value: object) -> str:
    try:
        return show_value(field_at(path), value)
    except KeyError:
        return str(value)


def _show_epochs(draft: Draft, fork: Fork) -> None:
    try:
        epochs = [entry.epoch for entry in list_forks(fork.run)]
    except (LabError, OSError):
        epochs = []  # gone meanwhile: the start says so
    epochs = sorted({*epochs, fork.epoch})
    key = draft.widget_key("branch.epoch")
    st.selectbox(
        "Branch after epoch",
        epochs,
        index=epochs.index(fork.epoch),
        key=key,
        on_change=_choose_epoch,
        args=(draft, fork.run.id, key),
        width=100,
        label_visibility="collapsed",
    )


def _show_use(draft: Draft, fork: Fork) -> None:
    key = draft.widget_key("branch.use")
    st.segmented_control(
        "What it takes over",
        list(_LABELS),
        default=fork.use,
        required=True,
        format_func=_LABELS.__getitem__,
        key=key,
        on_change=_choose_use,
        args=(draft, fork, key),
        label_visibility="collapsed",
    )


def _choose_use(draft: Draft, fork: Fork, key: str) -> None:
    if draft.is_current(key):
        draft.fork, draft.touched, draft.checked = replace(fork, use=st.session_state[key]), True, ""
        draft.generation += 1  # other fields are locked


def _choose_epoch(draft: Draft, run_id: str, key: str) -> None:
    if not draft.is_current(key):
        return
    try:
        use = draft.fork.use if draft.fork else "line"
        draft.fork = find_fork(run_id, st.session_state[key], use)
        draft.touched, draft.checked = True, ""
    except (BranchError, RunNotFoundError, OSError) as error:
        ADDRESS.refuse(tell(error))


def _leave(draft: Draft) -> None:
    draft.fork, draft.touched, draft.checked = None, True, ""
