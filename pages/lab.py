"""The machine: its devices and who holds them, the queue, the data sets, the disk, the versions."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from html import escape
from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from core.data.cache import cache_bytes, delete_caches
from core.data.catalogue import DatasetStatus, list_datasets
from core.data.downloads import delete_dataset, read_download, start_download
from core.data.store import data_folder
from core.launch.disk import RunUse, delete_checkpoints, measure_runs
from core.launch.launcher import delete_run
from core.machine.devices import MAX_SLOTS, Device, list_devices, set_slots
from core.machine.queue import read_queue
from core.runs.listing import list_runs
from core.runs.records import RunSummary
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.text.formats import UNKNOWN, format_ago, format_bytes, format_percent
from core.text.words import count_of
from pages.parts.frame.assets import show_style
from pages.parts.frame.failure import tell
from pages.parts.frame.gate import note_act
from pages.parts.frame.numbers import ask_whole, read_whole
from pages.parts.frame.style import show_note, show_problem
from pages.parts.frame.widgets import renew_while
from pages.parts.lab.nodes import show_cluster
from pages.parts.lab.rows import draw_bar, link_run, list_holders, name_wanted, show_heading
from pages.parts.notify.form import show_notifications
from pages.parts.run.actions import act, attempt, keep_problems, show_button, show_outcome
from pages.parts.run.tabs import show_table
from pages.parts.transfer.download import has_part, name_action

TICK_SECONDS = 2.0
DISK_SECONDS = 10
LARGEST = 10
PACKAGES = ("torch", "torchvision", "streamlit", "plotly", "optuna", "pandas", "numpy", "pydantic", "scikit-learn")


def show_devices(runs: dict[str, RunSummary]) -> None:
    """One row a device: what it is, how busy it is, which runs hold its slots, and how many slots it has."""
    for device in list_devices():
        name, use, slots = st.columns([0.34, 0.5, 0.16], vertical_alignment="center", gap="medium")
        name.html(
            f'<b>{escape(device.id)}</b> <span class="lab-muted lab-small">{escape(device.name)}</span>'
            f'<div class="lab-small lab-break">{list_holders(device.busy_by, runs)}</div>'
        )
        use.html(_draw_use(device))
        with slots:
            ask_whole(
                "Slots",
                device.slots,
                1,
                MAX_SLOTS,
                key=f"slots.{device.id}",
                on_change=_keep_slots,
                args=(device.id,),
                help="How many runs this device trains at the same time. Runs in training are not interrupted.",
            )


def _keep_slots(device: str) -> None:
    slots = read_whole("Slots", st.session_state[f"slots.{device}"], 1, MAX_SLOTS)
    if isinstance(slots, str):
        return  # told below the box
    try:
        set_slots(device, slots)
    except (ValueError, OSError) as error:
        keep_problems([tell(error)])


def _draw_use(device: Device) -> str:
    """Two bars: computing and memory."""
    busy = device.utilisation
    memory = device.memory_used / device.memory_total if device.memory_used and device.memory_total else None
    of = f"{format_bytes(device.memory_used)} of {format_bytes(device.memory_total)}" if memory is not None else UNKNOWN
    rows = (
        ("busy", (busy or 0) / 100, UNKNOWN if busy is None else format_percent(busy / 100, 0)),
        ("memory", memory or 0, of),
    )
    return "".join(draw_bar(*row) for row in rows)


def show_queue(runs: dict[str, RunSummary]) -> None:
    """The waiting runs, the next one first."""
    waiting = [ticket for ticket in read_queue(runs_folder()) if ticket.run_id in runs]
    waiting = [ticket for ticket in waiting if runs[ticket.run_id].state == "queued"]
    if not waiting:
        st.html('<p class="lab-muted lab-small">The queue is empty. Runs wait here until a device is free.</p>')
    for position, ticket in enumerate(waiting, start=1):
        run = runs[ticket.run_id]
        with st.container(horizontal=True, vertical_alignment="center", key=f"queue.{run.id}"):
            st.html(
                f'<span class="lab-num lab-muted">{position}.</span> {link_run(run.id, run.name, run.colour)} '
                f'<span class="lab-muted lab-small">for {escape(name_wanted(ticket.device))}, '
                f"queued {format_ago(ticket.queued_ns / 1e9)}</span>"
            )
            if position > 1:
                show_button("next", [run], key=f"queue.{run.id}")
            show_button("stop", [run], key=f"queue.{run.id}", label="Cancel", help="Removes it from the queue.")


def show_machine() -> None:
    runs = {run.id: run for run in list_runs()}
    show_outcome()
    show_heading("Devices")
    show_devices(runs)
    show_cluster(runs)
    show_heading("Queue")
    show_queue(runs)


def show_datasets() -> None:
    """The data sets: what they are, their folders, and downloads with their progress."""
    show_heading("Data sets")
    for dataset in list_datasets():
        _show_dataset(dataset)
    size = cache_bytes()
    if size:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(
                f'<b>Image folders</b> <span class="lab-muted lab-small">decoded copies, {format_bytes(size)}</span>'
            )
            st.button(
                "Delete copies",
                icon=":material/delete:",
                on_click=act,
                args=(delete_caches,),
                help="Made again when needed.",
            )


def _downloads_run() -> bool:
    states = [read_download(dataset.name) for dataset in list_datasets() if dataset.download_bytes]
    return any(state is not None and state.state == "running" for state in states)


def _show_dataset(dataset: DatasetStatus) -> None:
    images = f"{dataset.num_train:,} training"
    images += f" and {dataset.num_test:,} test images" if dataset.num_test else " and test images together"
    facts = [images, f"{dataset.num_classes} classes"]
    if dataset.path:
        facts += [format_bytes(dataset.bytes_on_disk), str(dataset.path)]
    progress = read_download(dataset.name) if dataset.download_bytes else None
    with st.container(horizontal=True, vertical_alignment="center", key=f"data.{dataset.name}"):
        st.html(
            f'<b>{escape(dataset.title)}</b><br><span class="lab-muted lab-small lab-break">'
            f"{escape(' · '.join(facts))}</span>"
        )
        if dataset.present:
            if dataset.download_bytes and st.button("Delete", icon=":material/delete:", key=f"delete.{dataset.name}"):
                # The dialog belongs to the page: a fragment that renews itself would lose it.
                st.session_state["lab.ask_data"] = dataset
                st.rerun()
        elif progress and progress.state == "running":
            share = progress.done / max(progress.total, 1)
            done = f"{format_bytes(progress.done)} of {format_bytes(progress.total)}"
            st.html(draw_bar(format_percent(share, 0), share, done, " lab-wide-use"))
        else:
            if has_part(progress):
                st.button(
                    "Discard",
                    icon=":material/delete:",
                    type="tertiary",
                    key=f"discard.{dataset.name}",
                    on_click=act,
                    args=(delete_dataset, dataset.name),
                )
            st.button(
                name_action(dataset, progress),
                icon=":material/download:",
                key=f"get.{dataset.name}",
                on_click=act,
                args=(start_download, dataset.name),
            )
    if progress and progress.state == "failed" and not dataset.present:
        show_problem(progress.error)


@st.dialog("Delete this data set?")
def confirm_data(dataset: DatasetStatus) -> None:
    st.html(
        f"<p>{escape(dataset.title)}, {format_bytes(dataset.bytes_on_disk)}, will be deleted from this machine. "
        "Runs keep their results; training on it again needs another download.</p>"
    )
    if st.button("Delete", type="primary", icon=":material/delete:", key="confirm_data"):
        attempt(delete_dataset, dataset.name)
        st.rerun()


@st.cache_data(ttl=DISK_SECONDS, show_spinner=False)
def measure_disk(folder: str) -> list[RunUse]:
    """Sizes of all runs; measured at most every ten seconds."""
    return measure_runs()


def show_disk() -> None:
    """The space that runs take, the largest of them, and what can be freed."""
    show_heading("Disk")
    uses = measure_disk(str(runs_folder()))
    folder = runs_folder()
    free = f"{format_bytes(shutil.disk_usage(folder if folder.exists() else folder.parent).free)} free"
    if not uses:
        st.html(f'<p class="lab-small">{free}. The largest runs stand here, once there are any.</p>')
        return
    st.html(
        f'<p class="lab-small"><b>{format_bytes(sum(use.bytes for use in uses))}</b> in {count_of(len(uses), "run")}, '
        f"{format_bytes(sum(use.checkpoint_bytes for use in uses))} of it checkpoints · {free}</p>"
    )
    lines = "".join(
        f'<tr><td class="lab-wrap">{link_run(use.run_id, use.name, use.colour)}'
        f"{' <i>archived</i>' if use.archived else ''}</td>"
        f"<td>{format_bytes(use.bytes)}</td><td>{format_bytes(use.checkpoint_bytes)}</td></tr>"
        for use in uses[:LARGEST]
    )
    st.html(
        '<table class="lab-table"><thead><tr><th>Largest runs</th><th>Size</th><th>Checkpoints</th></tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )
    show_cleanup([use for use in uses if use.archived])


def show_cleanup(archived: list[RunUse]) -> None:
    """What can be freed: the archived runs, or their checkpoints alone."""
    if not archived:
        show_note("To free space, archive runs on Runs: they can then be deleted here, or their checkpoints alone.")
        return
    with st.container(horizontal=True):
        size = sum(use.checkpoint_bytes for use in archived)
        if size and st.button(
            f"Delete checkpoints of archived runs ({format_bytes(size)})", icon=":material/layers_clear:"
        ):
            confirm_cleanup(archived, checkpoints_only=True)
        if st.button(f"Delete archived runs ({len(archived)})", icon=":material/delete_sweep:"):
            confirm_cleanup(archived, checkpoints_only=False)


@st.dialog("Free disk space?")
def confirm_cleanup(uses: list[RunUse], *, checkpoints_only: bool) -> None:
    size = format_bytes(sum(use.checkpoint_bytes if checkpoints_only else use.bytes for use in uses))
    kept = "Curves, results and logs are kept; the weights are deleted." if checkpoints_only else "Nothing is kept."
    st.html(f"<p>{count_of(len(uses), 'archived run')}, {size}. {kept} This cannot be undone.</p>")
    if st.button("Delete", type="primary", icon=":material/delete:", key="confirm_cleanup"):
        _clean_up(uses, delete_checkpoints if checkpoints_only else delete_run)
        st.rerun()


def _clean_up(uses: list[RunUse], remove: Callable[[str], object]) -> None:
    problems = []
    for use in uses:
        try:
            remove(use.run_id)
            note_act("freed the disk of run", use.run_id)
        except (LabError, OSError) as error:
            problems.append(f"{use.name}: {tell(error)}")
    keep_problems(problems)
    measure_disk.clear()


def show_versions() -> None:
    """What the lab runs on, and where it keeps things."""
    show_heading("Versions and folders")
    rows = [["Python", platform.python_version()], ["System", platform.platform(terse=True)]]
    for package in PACKAGES:
        try:
            rows.append([package, version(package)])
        except PackageNotFoundError:
            rows.append([package, "not installed"])
    rows += [["Runs", str(runs_folder())], ["Data", str(data_folder())]]
    show_table(["", ""], rows)


show_style(__file__)
if asked := st.session_state.pop("lab.ask_data", None):
    confirm_data(asked)
left, right = st.columns([0.58, 0.42], gap="large")
with left:
    st.fragment(show_machine, run_every=TICK_SECONDS)()
    renew_while(_downloads_run, show_datasets)
    show_heading("Notifications")
    show_notifications()
with right:
    show_disk()
    show_versions()
