"""The frame around every page: brand, navigation, and what the machine is doing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import streamlit as st

from core.helper.process import warm_up
from core.machine.devices import Device, list_devices
from pages.parts.frame.failure import show_left_failure
from pages.parts.frame.frame import note_page
from pages.parts.frame.gate import is_let_in, show_gate, show_visitor
from pages.parts.frame.memory import settle_memory
from pages.parts.frame.numbers import serve_keys
from pages.parts.frame.status import count_for_header
from pages.parts.frame.style import apply_style, follow_theme
from pages.parts.notify.browser import show_notices
from server.failures import log_failure

STATUS_SECONDS = 3
FRAME = Path(__file__).parent / "parts" / "frame"

BUILD = st.Page("build.py", title="Build", icon=":material/tune:", url_path="build")
PAGES = [
    BUILD,
    st.Page("data.py", title="Data", icon=":material/photo_library:", url_path="data"),
    st.Page("runs.py", title="Runs", icon=":material/table_rows:", url_path="runs"),
    st.Page("compare.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"),
    st.Page("examine.py", title="Examine", icon=":material/frame_inspect:", url_path="examine"),
    st.Page("studies.py", title="Studies", icon=":material/science:", url_path="studies"),
    st.Page("run.py", title="Run", icon=":material/show_chart:", url_path="run", visibility="hidden"),
    st.Page("lab.py", title="Lab", icon=":material/memory:", url_path="lab"),
]


def open_build() -> None:
    """The bare address leads to Build: a default page would have no address of its own."""
    st.switch_page(BUILD, query_params=st.query_params.to_dict())


@st.fragment(run_every=STATUS_SECONDS)
def show_status() -> None:
    """How many runs train and wait, and whether the devices are busy; renewed by itself."""
    follow_theme()
    settle_memory()
    try:
        status = describe_status()
    except Exception as error:  # noqa: BLE001 - the page below does not need it
        status = f'<span class="lab-bad">Status not known, see {log_failure(error)} in the log</span>'
    st.html(f'<div class="lab-status">{status}</div>')
    show_notices()


def describe_status() -> str:
    running, queued = count_for_header()
    return f"<span><b>{running}</b> running</span><span><b>{queued}</b> queued</span>{describe_devices(list_devices())}"


def describe_devices(devices: Sequence[Device]) -> str:
    """The devices in a few words: the GPUs if there are any, else the CPU."""
    counted = [device for device in devices if device.id != "cpu"] or devices
    busy = sum(bool(device.busy_by) for device in counted)
    state = f"{busy} of {len(counted)} GPUs busy" if len(counted) > 1 else "busy" if busy else "free"
    words = state if len(counted) > 1 else f"{counted[0].id.split(':')[0].replace('cuda', 'gpu').upper()} {state}"
    title = ", ".join(device.name for device in counted)
    dot = "busy" if busy else "free"
    return f'<span class="lab-wide" title="{escape(title)}"><span class="lab-dot {dot}"></span>{words}</span>'


st.set_page_config(
    page_title="ResNet Lab",
    page_icon=FRAME / "mark.svg",
    layout="wide",
    initial_sidebar_state="collapsed",
    # With an entry of our own there is a menu, and in it the choice between light and dark.
    menu_items={"About": "**ResNet Lab**: shape, train, tune and compare residual networks."},
)
apply_style()
home = st.Page(open_build, title="ResNet Lab", url_path="home", default=True, visibility="hidden")
page = st.navigation([home, *PAGES], position="top" if is_let_in() else "hidden")
if not is_let_in():
    follow_theme()
    show_gate()
    st.stop()
st.logo(FRAME / "logo.svg", size="medium")
with st.container(key="lab_status"):
    show_status()
    serve_keys()
show_visitor()
note_page(page.url_path)
if page.url_path == "examine":
    # What it asks imports torch, beside all that this process has yet to import for the page.
    warm_up("core.engine.examine")
show_left_failure()
page.run()
