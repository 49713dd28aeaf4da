"""One run: what it does now, its curves as they grow, what came out, and everything needed to do it again."""

from __future__ import annotations

from html import escape
from typing import NoReturn

import streamlit as st

from core.charts import run_colour
from core.parse import to_link
from core.runs import Run, RunNotFound, RunSummary, open_run
from pages.parts import run_tabs
from pages.parts.run_actions import confirm_delete, is_active, show_button, show_problems
from pages.parts.style import UNKNOWN, format_ago, format_count, format_seconds, look_of, state_badge

TICK_SECONDS = 0.5
TABS = {
    "Charts": run_tabs.show_charts,
    "Summary": run_tabs.show_summary,
    "Config": run_tabs.show_config,
    "Logs": run_tabs.show_log,
    "System": run_tabs.show_system,
    "Checkpoints": run_tabs.show_checkpoints,
}


def find_run() -> Run:
    """The run that the address names; else a sentence and the way back."""
    run_id = st.query_params.get("id", "")
    if not run_id:
        show_way_back("The address names no run.")
    try:
        return open_run(run_id)
    except RunNotFound:
        show_way_back("There is no such run. It may have been deleted.")


def show_way_back(message: str) -> NoReturn:
    st.info(message, icon=":material/search_off:")
    if st.button("All runs", icon=":material/table_rows:", type="primary"):
        st.switch_page("runs.py")
    st.stop()


def show_damage(run: Run, summary: RunSummary) -> None:
    """A run whose own files cannot be read: which, why, and that deleting it harms no other."""
    st.html(f'<h2 style="overflow-wrap:anywhere">{escape(summary.name)}</h2>')
    st.markdown(state_badge("damaged"))
    st.html(f'<p class="lab-problem" style="margin:0">{escape(summary.reason)}</p>')
    st.caption("Its folder is shown below. Mend the file there, or delete the run; no other run is affected.")
    st.code(str(run.path), language=None)
    back, remove, _ = st.columns([1, 1, 6], width="stretch")
    if back.button("All runs", icon=":material/table_rows:", width="stretch"):
        st.switch_page("runs.py")
    if remove.button("Delete", icon=":material/delete:", width="stretch"):
        confirm_delete([summary], leave_page)
    st.stop()


def leave_page(done: list[str]) -> None:
    if done:
        st.switch_page("runs.py")


def show_title(run: Run, summary: RunSummary) -> None:
    """Colour, name, tags and where the run comes from; name and tags change in place."""
    about = run.about
    dot, name, tags = st.columns([0.02, 0.6, 0.38], gap="small", vertical_alignment="center")
    dot.html(f'<span class="lab-run-dot" style="background:{run_colour(run.id)}"></span>')
    with name.container(key="run_name"):
        st.text_input(
            "Name",
            about.name,
            key=f"name.{run.id}",
            max_chars=200,
            label_visibility="collapsed",
            on_change=keep_about,
            args=(run, "name"),
        )
    with tags.container(key="run_tags"):
        st.multiselect(
            "Tags",
            list(about.tags),
            list(about.tags),
            key=f"tags.{run.id}",
            accept_new_options=True,
            placeholder="Add a tag",
            label_visibility="collapsed",
            on_change=keep_about,
            args=(run, "tags"),
        )
    preset, changed = run_tabs.closest_preset(run.spec)
    origin = (
        preset.title if preset and not changed else f"{preset.title}, {changed} changed" if preset else "own network"
    )
    facts = [
        origin,
        run_tabs.name_data(run.spec),
        f"{format_count(summary.parameters)} parameters",
        f"seed {run.spec.train.seed}",
        format_ago(about.created),
    ]
    joined = " · ".join(escape(fact) for fact in facts)
    archived = " · archived" if about.archived else ""
    st.html(f'<p class="lab-muted lab-small lab-facts">{joined}{archived} · <code>{run.id}</code></p>')


def keep_about(run: Run, field: str) -> None:
    """Stores what was typed; an empty name gives the id back."""
    value = st.session_state[f"{field}.{run.id}"]
    if field == "name":
        value = value.strip() or run.id
        st.session_state[f"name.{run.id}"] = value
    try:
        run.update_about(**{field: value})
    except (ValueError, OSError) as error:
        st.session_state["run_actions.problems"] = [str(error)]


def show_actions(run: Run, summary: RunSummary) -> None:
    """The bar of what can be done now; while the run stops, its first button only says so."""
    with st.container(horizontal=True, gap="small", key="run_actions"):
        if summary.stop_requested and is_active(summary):
            # A double click on Stop must not land on "Stop now".
            st.button("Stopping", icon=":material/hourglass_bottom:", disabled=True)
        for name in ("stop", "kill", "resume", "next"):
            show_button(name, [summary], key="run")
        if st.button("Clone", icon=":material/content_copy:", help="Opens Build with this network and its settings."):
            st.switch_page("build.py", query_params={"spec": to_link(run.spec)})
        show_button("archive", [summary], key="run")
        show_button("restore", [summary], key="run")
        if st.button("Delete", icon=":material/delete:", help="Removes the run's folder, after asking."):
            confirm_delete([summary], leave_page)


def show_state(run: Run, summary: RunSummary) -> None:
    """Badge, how far it is, and how long it will take; or why it ended."""
    look = look_of(summary.state, summary.stop_requested)
    badge, rest = st.columns([0.12, 0.88], vertical_alignment="center")
    badge.markdown(state_badge(summary.state, summary.stop_requested))
    with rest:
        if summary.state == "running":
            show_progress(run, summary)
        elif summary.reason:
            st.html(f'<p class="lab-small lab-facts">{escape(summary.reason)}</p>')
        else:
            done = f"{summary.epoch} of {summary.epochs} epochs in {format_seconds(summary.seconds)}"
            st.html(f'<p class="lab-small lab-muted lab-facts">{done if summary.epoch else look.meaning}</p>')


def show_progress(run: Run, summary: RunSummary) -> None:
    now = run.progress() or {}
    step, steps = now.get("step") or 0, now.get("steps") or 0
    share = run_tabs.share_done(now, summary)
    left = now.get("seconds_left")
    speed = now.get("images_per_second")
    phase = {"validate": "validating", "test": "testing"}.get(now.get("phase", ""), "")
    parts = [
        f"epoch {min(now.get('epoch') or summary.epoch, summary.epochs)} of {summary.epochs}",
        phase or (f"step {step:,} of {steps:,}" if steps else "starting"),
        f"{format_seconds(left)} left" if left is not None else "",
        f"{speed:,.0f} images/s" if speed else "",
        f"loss {now['loss']:.4f}" if now.get("loss") is not None else "",
        str(summary.device or UNKNOWN),
    ]
    line = " · ".join(escape(part) for part in parts if part)
    st.html(
        f'<div class="lab-bar" role="progressbar" aria-valuenow="{share:.0%}" aria-label="Training">'
        f'<span style="width:{share:.2%}"></span></div><p class="lab-small lab-muted lab-facts lab-num">{line}</p>'
    )


def show_live(run: Run, shown_state: str) -> None:
    """State and actions, renewed while the run is active; a change of state renews the whole page, once."""
    summary = run.summary()
    if not run.path.is_dir():
        show_way_back("This run has been deleted.")
    if summary.state != shown_state:
        st.rerun()
    show_problems()
    show_state(run, summary)
    show_actions(run, summary)


STYLE = """<style>
.st-key-run_name input { font-size: 1.25rem; font-weight: 600; padding-left: 0.3rem; }
.st-key-run_name [data-baseweb], .st-key-run_name [data-testid="stTextInputRootElement"] {
  border-color: transparent; background: none; }
.st-key-run_name :is([data-baseweb], [data-testid="stTextInputRootElement"]):is(:hover, :focus-within) {
  border-color: var(--lab-line); }
.lab-run-dot { display: inline-block; width: 0.85rem; height: 0.85rem; border-radius: 50%; vertical-align: middle; }
.lab-facts { margin: 0; overflow-wrap: anywhere; }
</style>"""

run = find_run()
summary = run.summary()
st.html(STYLE)
if summary.state == "damaged":
    show_damage(run, summary)
show_title(run, summary)
tick = TICK_SECONDS if is_active(summary) else None
st.fragment(show_live, run_every=tick)(run, summary.state)
tabs = st.tabs(list(TABS), key="tab", bind="query-params")
for tab, (name, show) in zip(tabs, TABS.items(), strict=True):
    if tab.open:
        with tab:
            live = tick if name in run_tabs.LIVE_TABS else None
            st.fragment(show, run_every=live)(run)
