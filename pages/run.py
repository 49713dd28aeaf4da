"""One run: its state, its curves as they grow, its results, and everything needed to reproduce it."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.charts.palette import pick_ink
from core.data.catalogue import name_data
from core.launch.launcher import explain_wait
from core.runs.families import tell_parent
from core.runs.folder import Run
from core.runs.records import About, RunNotFoundError, RunSummary
from core.runs.results import describe_origin, list_foreign_facts, share_done
from core.runs.store import open_run
from core.spec.link import to_link
from core.text.formats import UNKNOWN, format_ago, format_count, format_percent, format_seconds
from core.text.words import count_of
from pages.parts.frame.assets import show_style
from pages.parts.frame.pace import live_fragment
from pages.parts.frame.status import show_change
from pages.parts.frame.style import look_of
from pages.parts.frame.widgets import ALL_RUNS, show_way_on
from pages.parts.run import foreign, tabs
from pages.parts.run.actions import (
    answer_delete,
    ask_delete,
    attempt,
    is_active,
    show_button,
    show_outcome,
    was_deleted,
)
from pages.parts.run.branch import open_branch
from pages.parts.run.family import show_family
from pages.parts.run.within import show_layers
from pages.parts.transfer.take_away import show_take_away

TICK_SECONDS = 0.5
TABS = {
    "Charts": tabs.show_charts,
    "Layers": show_layers,
    "Summary": tabs.show_summary,
    "Config": tabs.show_config,
    "Logs": tabs.show_log,
    "System": tabs.show_system,
    "Checkpoints": tabs.show_checkpoints,
    "Take away": show_take_away,
}
FOREIGN_TABS = {
    "Charts": foreign.show_charts,
    "Summary": tabs.show_summary,
    "Config": foreign.show_config,
    "Take away": show_take_away,
}
# `query_params={}` at every switch: without it, Streamlit refuses to leave an address that widgets are bound to.


def find_run() -> tuple[Run, RunSummary]:
    """The run that the address names; else a sentence and a link to all runs."""
    run_id = st.query_params.get("id", "")
    if not run_id:
        show_way_on("This link names no run.", *ALL_RUNS)
    try:
        run = open_run(run_id)
        return run, run.summary()
    except RunNotFoundError:
        if was_deleted(run_id):
            st.switch_page("runs.py", query_params={})
        show_way_on("There is no such run. It may have been deleted.", *ALL_RUNS)


def show_damage(run: Run, summary: RunSummary) -> None:
    """A run whose own files cannot be read: which, why, and that deleting it harms no other."""
    st.html(f'<h2 style="overflow-wrap:anywhere">{escape(summary.name)}</h2>')
    st.markdown(look_of("damaged").badge)
    st.html(f'<p class="lab-problem" style="margin:0">{escape(summary.reason)}</p>')
    st.caption("Its folder is shown below. Repair the file there, or delete the run; no other run is affected.")
    st.code(str(run.path), language=None)
    back, remove, _ = st.columns([1, 1, 6], width="stretch")
    if back.button("All runs", icon=":material/table_rows:", width="stretch"):
        st.switch_page("runs.py", query_params={})
    if remove.button("Delete", icon=":material/delete:", width="stretch"):
        ask_delete([summary])
    st.stop()


def show_colour(run: Run, about: About) -> None:
    """The run's colour, which a click changes; in no popover, as one that closes loses what was chosen in it."""
    ink, key = pick_ink(run.id, about.colour), f"colour.{run.id}"

    def forget() -> None:
        st.session_state[key] = pick_ink(run.id).light
        attempt(run.update_about, colour="")

    with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content", key="run_colour"):
        st.html(f'<style>[data-testid="stColorPickerBlock"] {{ background: {ink.css} !important; }}</style>')
        st.color_picker(
            "Colour of this run",
            about.colour or ink.light,
            key=key,
            label_visibility="collapsed",
            on_change=tabs.keep_about,
            args=(run, "colour"),
        )
        if about.colour:
            help = (
                "Back to its own colour. A chosen one is shown everywhere, lighter or darker where it would be hidden."
            )
            st.button("Its own colour", icon=":material/undo:", type="tertiary", on_click=forget, help=help)


def show_title(run: Run, summary: RunSummary) -> None:
    """Colour, name, tags and where the run comes from; name and tags change in place."""
    about = run.about
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="run_title"):
        show_colour(run, about)
        st.text_input(
            "Name",
            about.name,
            key=f"name.{run.id}",
            max_chars=200,
            label_visibility="collapsed",
            on_change=tabs.keep_about,
            args=(run, "name"),
        )
        st.multiselect(
            "Tags",
            list(about.tags),
            list(about.tags),
            key=f"tags.{run.id}",
            accept_new_options=True,
            placeholder="Add a tag",
            label_visibility="collapsed",
            on_change=tabs.keep_about,
            args=(run, "tags"),
            width=340,
        )
    own = (
        list_foreign_facts(run, summary)
        if summary.tool
        else [
            *([f"branch of {tell_parent(summary)}"] if summary.parent else []),
            describe_origin(run.spec),
            name_data(run.spec.data),
            f"{format_count(summary.parameters)} parameters",
            f"seed {run.spec.train.seed}",
        ]
    )
    facts = [
        *own,
        format_ago(about.created) + (f", started by {about.started_by}" if about.started_by else ""),
    ]
    joined = " · ".join(escape(fact) for fact in facts)
    archived = " · archived" if about.archived else ""
    st.html(f'<p class="lab-muted lab-small run-facts">{joined}{archived} · <span class="lab-mono">{run.id}</span></p>')


def show_actions(run: Run, summary: RunSummary) -> None:
    """What can be done now; while the run stops, its first button only says so."""
    if summary.stop_requested and is_active(summary):
        # A double click on Stop must not land on "Stop now".
        st.button("Stopping", icon=":material/hourglass_bottom:", disabled=True)
    for name in ("stop", "kill", "resume", "test", "next"):
        show_button(name, [summary], key="run")
    if summary.tool:
        if st.button(
            "Build from it", icon=":material/tune:", help="Opens Build with what is known of its configuration."
        ):
            st.switch_page("build.py", query_params={"clone": run.id})
    elif st.button("Clone", icon=":material/content_copy:", help="Opens Build with this network and its settings."):
        st.switch_page("build.py", query_params={"spec": to_link(run.spec)})
    if (
        summary.epoch
        and not summary.tool
        and st.button(
            "Branch",
            icon=":material/fork_right:",
            help="Goes on from a kept checkpoint, with other settings or more epochs. Opens Build.",
        )
    ):
        open_branch(run)
    if (
        summary.epoch
        and not summary.tool
        and st.button(
            "Examine", icon=":material/frame_inspect:", help="Confusion, calibration, history and single images."
        )
    ):
        st.switch_page("examine.py", query_params={"id": run.id})
    if summary.epoch and st.button(
        "Compare", icon=":material/compare_arrows:", help="Opens Compare with this run as the baseline."
    ):
        st.switch_page("compare.py", query_params={"ids": run.id, "choose": "true"})
    show_button("archive", [summary], key="run")
    show_button("restore", [summary], key="run")
    if st.button("Delete", icon=":material/delete:", help="Removes the run's folder, after asking."):
        ask_delete([summary])


def describe_state(summary: RunSummary) -> str:
    """How far it came, and why it ended."""
    if summary.tool:
        took = f" in {format_seconds(summary.seconds)}" if summary.seconds else ""
        return summary.reason or f"{count_of(summary.epoch, 'row')} of its figures{took}"
    if summary.state == "running":
        device = (summary.device or UNKNOWN) + (f" of {summary.node}" if summary.node else "")
        return f"epoch {min(summary.epoch + 1, summary.epochs)} of {summary.epochs} on {device}"
    if summary.reason:
        return summary.reason
    if not summary.epoch:
        return look_of(summary.state, summary.stop_requested).meaning
    return f"{summary.epoch} of {summary.epochs} epochs in {format_seconds(summary.seconds)}"


def show_progress(run: Run, summary: RunSummary) -> None:
    """A bar, and in one line the last report of the worker."""
    now = run.progress() or {}
    step, steps = now.get("step") or 0, now.get("steps") or 0
    share = share_done(now, summary.epoch, summary.epochs)
    left, speed, loss = now.get("seconds_left"), now.get("images_per_second"), now.get("loss")
    phase = {"loading": "loading images", "validate": "validating", "test": "testing"}.get(now.get("phase", ""), "")
    parts = [
        format_percent(share, 0),
        phase or (f"step {step:,} of {steps:,}" if step else "starting"),  # before the first, `steps` is not known
        f"{format_seconds(left)} left" if left is not None else "",
        f"{speed:,.0f} images/s" if speed else "",
        f"loss {loss:.4f}" if loss is not None else "",
    ]
    line = " · ".join(escape(part) for part in parts if part)
    st.html(
        f'<div class="lab-bar" role="progressbar" aria-valuenow="{share * 100:.0f}" aria-label="Training">'
        f'<span style="width:{share:.2%}"></span></div><p class="lab-small lab-muted run-facts lab-num">{line}</p>'
    )


def show_live(run: Run, shown_state: str) -> None:
    """State, actions and the open tab, renewed while the run is active; a change of state renews the whole page."""
    try:
        show_now(run, shown_state)
    except RunNotFoundError:  # deleted meanwhile; the page says so
        st.rerun()


def show_now(run: Run, shown_state: str) -> None:
    summary = run.summary()
    if summary.state != shown_state:
        show_change()
    show_outcome()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="run_bar"):
        st.markdown(look_of(summary.state, summary.stop_requested).badge, width="content")
        why = explain_wait(run) if summary.state == "queued" else ""
        st.html(f'<p class="lab-small lab-muted run-facts">{escape(why or describe_state(summary))}</p>')
        show_actions(run, summary)
    if summary.state == "running" and not summary.tool:
        show_progress(run, summary)
    shown = FOREIGN_TABS if summary.tool else TABS
    if not summary.tool:
        show_family(run)
    for tab, show in zip(st.tabs(list(shown), key="tab", bind="query-params"), shown.values(), strict=True):
        if tab.open:
            with tab:
                show(run)


run, summary = find_run()
show_style(__file__)
answer_delete()
if summary.state == "damaged":
    show_damage(run, summary)
show_title(run, summary)
# One fragment for all that lives: every fragment of its own would cost a rerun of its own.
live_fragment(show_live, TICK_SECONDS if is_active(summary) else None, [run.path])(run, summary.state)
