"""One look for all pages: the shared style sheet, and the words and icons of a run's state."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import streamlit as st

from core.charts.assets import COLOURS
from core.charts.plotly_script import NAME
from core.text.safe import JOINERS, plain
from pages.parts.frame.assets import show_style

PLOTLY_PATH = f"/lab/{NAME}"


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

    @property
    def badge(self) -> str:
        """As Markdown, for `st.markdown` and labels."""
        return f":{self.colour}-badge[{f'{self.icon} {self.label}'.strip()}]"


STATES: dict[str, StateLook] = {
    "queued": StateLook("Queued", ":material/schedule:", "gray", "Waiting for a free device."),
    "running": StateLook("Running", ":material/play_circle:", "blue", "Training now."),
    "finished": StateLook("Finished", ":material/check_circle:", "green", "Training is complete."),
    "failed": StateLook("Failed", ":material/error:", "red", "Ended with an error."),
    "stopped": StateLook("Stopped", ":material/stop_circle:", "orange", "Stopped on request; can be resumed."),
    "pruned": StateLook("Pruned", ":material/content_cut:", "violet", "Stopped early by its study."),
    "interrupted": StateLook("Interrupted", ":material/power_off:", "orange", "Its process is gone; can be resumed."),
    "damaged": StateLook("Damaged", ":material/broken_image:", "red", "Its folder cannot be read."),
}
STOPPING = StateLook("Stopping", ":material/hourglass_bottom:", "orange", "Finishing its step, then stops.")


def look_of(state: str, stop_requested: bool = False) -> StateLook:
    """The look of a state; a running run that was asked to stop says so."""
    return STOPPING if stop_requested and state == "running" else STATES[state]


def apply_style() -> None:
    """Puts the shared style sheet on the page; the frame does it once a run of the script."""
    # Streamlit sets `color-scheme`, which the colours follow, on the app's root.
    show_style(__file__, COLOURS)


def follow_theme() -> None:
    """Tells popovers and dialogs, which are outside the app's root, whether the theme is light or dark."""
    scheme = "dark" if st.context.theme.type == "dark" else "light"
    st.html(f"<style>:root {{ color-scheme: {scheme}; }}</style>")


def show_svg(svg: str) -> None:
    """A drawing of our own making; `st.html` would strip it. Never hand it text that a user wrote unescaped."""
    # A blank line would end the HTML block in Markdown.
    st.markdown("\n".join(line for line in svg.splitlines() if line.strip()), unsafe_allow_html=True)


def show_alert(sentence: str, *, is_error: bool = True) -> None:
    """What went wrong, or is not there, in a box. As text: `st.error` and `st.info` would read Markdown in a name."""
    kind, role = ("failed", "alert") if is_error else ("told", "status")
    st.html(f'<p class="lab-alert {kind}" role="{role}">{_escape(sentence)}</p>')


def show_note(sentence: str) -> None:
    """A quiet sentence instead of what cannot be shown."""
    st.html(f'<p class="lab-muted lab-small" style="margin:0.3rem 0">{_escape(sentence)}</p>')


def show_centred(sentence: str) -> None:
    """A quiet sentence in place of a figure, a list or a page that has nothing yet."""
    st.html(f'<p class="lab-muted lab-empty">{_escape(sentence)}</p>')


def show_problem(sentence: str) -> None:
    """What is wrong with a field, below it."""
    st.html(f'<p class="lab-problem" role="alert">{_escape(sentence)}</p>')


def _escape(sentence: str) -> str:
    """Also what a browser cannot be sent: the name of a file that is no UTF-8."""
    return escape(plain(sentence, keep=f"\n{JOINERS}"))
