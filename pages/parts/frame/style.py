"""One look for all pages: the shared style sheet, and the words and icons of a run's state."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib.metadata import version

import streamlit as st

from core.charts.assets import COLOURS

# Its version is part of the address, so that a browser may keep the file for ever.
PLOTLY_PATH = f"/lab/plotly-{version('plotly')}.min.js"


def serve_at(path: str) -> str:
    """The address of one of the server's own routes, also where the lab lives below another path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{path}" if base else path


@dataclass(frozen=True)
class StateLook:
    """How a run's state is shown: `colour` is one of Streamlit's colour names."""

    label: str
    icon: str
    colour: str
    meaning: str


STATES: dict[str, StateLook] = {
    "queued": StateLook("Queued", ":material/schedule:", "gray", "Waits for a free device."),
    "running": StateLook("Running", ":material/play_circle:", "blue", "Trains now."),
    "finished": StateLook("Finished", ":material/check_circle:", "green", "Trained to its end."),
    "failed": StateLook("Failed", ":material/error:", "red", "Ended with an error."),
    "stopped": StateLook("Stopped", ":material/stop_circle:", "orange", "Stopped on request; can be resumed."),
    "pruned": StateLook("Pruned", ":material/content_cut:", "violet", "Ended early by its study."),
    "interrupted": StateLook("Interrupted", ":material/power_off:", "orange", "Its process is gone; can be resumed."),
    "damaged": StateLook("Damaged", ":material/broken_image:", "red", "Its folder cannot be read."),
}
STOPPING = StateLook("Stopping", ":material/hourglass_bottom:", "orange", "Finishes its step, then stops.")


def look_of(state: str, stop_requested: bool = False) -> StateLook:
    """The look of a state; a running run that was asked to stop says so."""
    return STOPPING if stop_requested and state == "running" else STATES[state]


def state_badge(state: str, stop_requested: bool = False) -> str:
    """A coloured badge as Markdown, for `st.markdown` and labels."""
    look = look_of(state, stop_requested)
    return f":{look.colour}-badge[{look.icon} {look.label}]"


# Style sheet -----------------------------------------------------------------------------------------------------

# Streamlit sets `color-scheme`, which the colours follow, on the app's root.
CSS = (
    COLOURS
    + """
.stMainBlockContainer { max-width: 1560px; padding-left: 1.5rem; padding-right: 1.5rem; }
.stAppHeader { border-bottom: 1px solid var(--lab-line-soft); }
.stApp h1, .stApp h2, .stApp h3 { letter-spacing: -0.01em; padding: 0; }
.stApp [data-testid="stHeaderActionElements"] { display: none; }
.stApp [data-testid="stWidgetLabel"] p { font-size: 0.857rem; color: var(--lab-muted); }
[class*="st-key-grid_"] [data-testid="stWidgetLabel"] p { white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.stApp input, .stApp table, .stApp .lab-num { font-variant-numeric: tabular-nums; }
/* Rerunning must not make the page pulse: what is shown stays shown until it is replaced. */
.stApp [data-stale="true"] { opacity: 1; transition: none; }
/* Its "Stop" ends a run of the page's script, which nobody means who reads Stop here. */
.stApp [data-testid="stStatusWidget"] { display: none; }

.lab-muted { color: var(--lab-muted); }
.lab-faint { color: var(--lab-faint); }
.lab-bad { color: var(--lab-bad); }
.lab-good { color: var(--lab-good); }
.lab-small { font-size: 0.857rem; }
.lab-title { font-size: 0.857rem; font-weight: 600; margin: 0; color: var(--lab-text); }
.lab-problem { color: var(--lab-bad); font-size: 0.857rem; line-height: 1.3; margin: -0.5rem 0 0; }
.lab-alert { margin: 0; padding: 0.7rem 0.9rem; border-radius: 0.375rem; overflow-wrap: anywhere;
  background: color-mix(in srgb, var(--lab-accent) 12%, var(--lab-ground)); }
.lab-alert.failed { background: color-mix(in srgb, var(--lab-bad) 12%, var(--lab-ground)); }
.lab-text { overflow-wrap: anywhere; }
/* The figures of classes have a file of their own: this one would hold their names as formulas. */
[data-testid="stElementToolbar"] [aria-label="Download as CSV"] { display: none; }

table.lab-table { border-collapse: collapse; width: 100%; font-size: 0.857rem; border: none; }
table.lab-table th { font-weight: 500; color: var(--lab-muted); text-align: right; border: none;
  border-bottom: 1px solid var(--lab-line); padding: 0.2rem 0.4rem; white-space: nowrap; }
table.lab-table td { text-align: right; border: none; border-bottom: 1px solid var(--lab-line-soft);
  padding: 0.22rem 0.4rem; white-space: nowrap; }
table.lab-table th:first-child, table.lab-table td:first-child { text-align: left; padding-left: 0; }
table.lab-table th:last-child, table.lab-table td:last-child { padding-right: 0; }
table.lab-table tr.lab-total td { font-weight: 600; border-bottom: none; border-top: 1px solid var(--lab-line); }

.lab-bar { height: 0.5rem; border-radius: 0.25rem; background: var(--lab-line-soft); overflow: hidden; }
.lab-bar > span { display: block; height: 100%; border-radius: 0.25rem; background: var(--lab-accent);
  transition: width 0.2s ease; }
.lab-bar.over > span { background: var(--lab-bad); }

:has(> .st-key-lab_status) { position: absolute; }
.st-key-lab_status { position: fixed; top: 0; right: 3.25rem; height: 3.75rem; width: auto !important;
  z-index: 999991; justify-content: center; font-size: 0.857rem; }
:has(> .st-key-lab_visitor) { position: absolute; }
.st-key-lab_visitor { position: fixed; top: 0; right: 3rem; height: 3.75rem; width: auto !important;
  z-index: 999991; justify-content: center; }
.stApp:has(.st-key-lab_visitor) .st-key-lab_status { right: 6.25rem; }
/* Only the icon is seen; the word is for screen readers. */
.st-key-lab_visitor button [data-testid="stMarkdownContainer"] { position: absolute; width: 1px; height: 1px;
  overflow: hidden; clip-path: inset(50%); }
.st-key-lab_gate { padding: 16vh 0 0; text-align: center; align-items: center; }
.st-key-lab_gate svg { display: block; width: 3.5rem; margin: 0 auto; }
.st-key-lab_gate h1 { font-size: 1.5rem; margin: 0; }
.st-key-lab_gate .stButton { display: flex; justify-content: center; }
.lab-status { display: flex; gap: 1rem; color: var(--lab-muted); white-space: nowrap; }
.lab-status b { color: var(--lab-text); font-weight: 600; font-variant-numeric: tabular-nums; }
.lab-dot { display: inline-block; width: 0.5rem; height: 0.5rem; border-radius: 50%; margin-right: 0.4rem;
  background: var(--lab-faint); }
.lab-dot.busy { background: var(--lab-accent); }
.lab-dot.free { background: var(--lab-good); }

/* Help is there for who looks for it, and does not shout at who does not. */
.stApp label [data-testid="stTooltipIcon"], .st-key-layer_head [data-testid="stTooltipIcon"] { opacity: 0.45; }
.stApp label [data-testid="stTooltipIcon"]:hover, .st-key-layer_head [data-testid="stTooltipIcon"]:hover { opacity: 1; }
.lab-heading { font-size: 1.05rem; font-weight: 600; margin: 0.5rem 0 0.15rem; padding: 0; }
.lab-section > .lab-title { margin-bottom: 0.25rem; }
.lab-scroll { overflow-x: auto; container-type: inline-size; }
@container (max-width: 480px) {
  table.lab-table th, table.lab-table td { padding-left: 0.2rem; padding-right: 0.2rem; }
  table.lab-table .lab-spare { display: none; }
}
.lab-waiting { display: flex; align-items: center; justify-content: center; height: 9.2rem; color: var(--lab-muted);
  background: var(--lab-panel); border-radius: 0.375rem; }
.st-key-samples_head { min-height: 0; }
.st-key-samples_head button { min-height: 0; padding: 0; }
.st-key-samples_stale { opacity: 0.45; }
.st-key-samples img, .st-key-samples_stale img { border-radius: 0.25rem; }
.st-key-cost_panel .lab-table { margin-top: 0.4rem; }
.st-key-cost_panel .lab-section .lab-title, .st-key-samples_head .lab-title { margin-top: 0.3rem; }

/* Build: fields in a grid that wraps, layers as the rows of a table. */
[class*="st-key-grid_"] { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.25rem, 1fr));
  gap: 0.5rem 1rem; align-items: start; }
[class*="st-key-grid_"] > * { width: 100% !important; min-width: 0; }
[class*="st-key-grid_"] > :has(.stCheckbox) { padding-top: 1.85rem; }
[class*="st-key-grid_"] > :has(> [class*="st-key-wide_"]) { grid-column: span 2; }
.stColumn .stColumn [class*="st-key-grid_"] > :has(> [class*="st-key-wide_"]) { grid-column: auto; }
.st-key-download_row { padding-top: 1.7rem; }
.st-key-layer_head, [class*="st-key-layer_row_"] { display: grid; align-items: center; gap: 0 0.5rem;
  grid-template-columns: 1rem repeat(5, minmax(0, 1fr)) 1.75rem 1.75rem; }
.st-key-layer_head > *, [class*="st-key-layer_row_"] > * { width: 100% !important; min-width: 0; }
.st-key-layer_head p { color: var(--lab-muted); white-space: nowrap; }
[class*="st-key-layer_row_"] > :has(.lab-problem) { grid-column: 2 / -1; }
[class*="st-key-layer_row_"] .lab-problem { margin: 0; }
/* Only the icon is seen; the words are for screen readers. */
[class*="st-key-layer_row_"] button [data-testid="stMarkdownContainer"] { position: absolute; width: 1px; height: 1px;
  overflow: hidden; clip-path: inset(50%); }
.stApp [data-testid="stNumberInputStepUp"], .stApp [data-testid="stNumberInputStepDown"] { display: none; }
.lab-drawing { overflow-x: auto; }
.lab-drawing svg { display: block; width: 100%; min-width: 25rem; height: auto; font-family: inherit; }
.lab-big { font-size: 1.9rem; font-weight: 600; line-height: 1.1; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
.lab-facts { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; }
.lab-facts div { white-space: nowrap; color: var(--lab-muted); font-size: 0.857rem; }
.lab-facts b { color: var(--lab-text); font-weight: 600; font-variant-numeric: tabular-nums; }
.lab-stale { opacity: 0.45; filter: grayscale(1); }
@media (min-width: 900px) {
  [data-testid="stColumn"]:has(> div > .st-key-cost_panel), [data-testid="stColumn"]:has(.st-key-cost_panel) {
    position: sticky; top: 4.25rem; align-self: flex-start; }
}

@media (max-width: 760px) {
  [data-testid="stHorizontalBlock"] { row-gap: 0.75rem; }
  .stMainBlockContainer { padding-left: 0.9rem; padding-right: 0.9rem; }
  .lab-status .lab-wide, .st-key-layer_head .lab-word, .st-key-layer_head [data-testid="stTooltipIcon"] {
    display: none; }
}
"""
)


def apply_style() -> None:
    """Puts the shared style sheet on the page; the frame does it once a run of the script."""
    st.html(f"<style>{CSS}</style>")


def follow_theme() -> None:
    """Tells popovers and dialogs, which stand outside the app's root, whether the theme is light or dark."""
    scheme = "dark" if st.context.theme.type == "dark" else "light"
    st.html(f"<style>:root {{ color-scheme: {scheme}; }}</style>")


def show_svg(svg: str) -> None:
    """A drawing of our own making; `st.html` would strip it. Never hand it text that a user wrote unescaped."""
    # A blank line would end the HTML block in Markdown.
    st.markdown("\n".join(line for line in svg.splitlines() if line.strip()), unsafe_allow_html=True)


def show_alert(sentence: str, *, is_error: bool = True) -> None:
    """What went wrong, or is not there, in a box. As text: `st.error` and `st.info` would read Markdown in a name."""
    kind, role = ("failed", "alert") if is_error else ("told", "status")
    st.html(f'<p class="lab-alert {kind}" role="{role}">{escape(sentence)}</p>')


def show_problem(sentence: str) -> None:
    """What is wrong with a field, below it."""
    st.html(f'<p class="lab-problem" role="alert">{escape(sentence)}</p>')
