"""The tabs of a run's page; each is given the run and reads what it shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st

from core.compare.lines import Axis, CurveMetric, CurveView
from core.compare.snapshot import read_runs
from core.imports.keep import list_left_out
from core.runs import layout
from core.runs.folder import Run
from core.runs.records import CheckpointFile, RunSummary
from core.runs.results import (
    closest_preset,
    list_costs,
    list_environment,
    list_figures,
    list_forecast,
    show_fact,
    write_run_command,
)
from core.spec import RunSpec
from core.spec.fields import field_at, fields_of, flatten, show_value
from core.spec.presets import PRESETS
from core.system.errors import LabError
from core.text.formats import UNKNOWN, format_bytes
from core.text.safe import plain
from pages.parts.chart.chart import show_metrics
from pages.parts.frame.failure import tell
from pages.parts.frame.style import show_centred, show_problem
from pages.parts.frame.widgets import choose
from pages.parts.run.actions import attempt
from pages.parts.run.branch import show_branch_button
from pages.parts.run.doctor import mark_findings, read_diagnosis, show_findings, show_who_looked
from pages.parts.run.family import list_relatives
from pages.parts.run.forecast import list_fans, read_forecast, show_forecast
from pages.parts.run.stopping import show_stops_of_group
from pages.parts.run.within import read_within, show_use

LOG_LINES = 500
ABOVE: tuple[CurveMetric, ...] = ("loss", "accuracy")
BELOW: tuple[CurveMetric, ...] = ("learning_rate", "images_per_second")
FAMILY_HELP = "One line for the epochs that the runs of the tree share, forking where they differ. Off: this run alone."
MAX_LOG_BYTES = 200_000_000  # to download: it is held in memory
_SECTION_TITLES = {"model": "Model", "data": "Data", "augment": "Augmentation", "train": "Training"}
_USE = {
    "cpu_percent": "CPU, of one core",
    "memory_bytes": "Memory",
    "gpu_percent": "GPU",
    "gpu_memory_bytes": "GPU memory",
    "seconds": "Trained for",
}
# Colours and cursor movements of a terminal.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def show_view(axes: Sequence[Axis] = ("epoch", "minutes")) -> CurveView:
    """Smoothing, scale and x axis, kept in the address."""
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom", key="view"):
        smoothing = st.slider(
            "Smoothing",
            0.0,
            1.0,
            0.0,
            0.05,
            key="smooth",
            bind="query-params",
            width=190,
            help="Exponential average of loss and accuracy; the raw line stays faint behind it.",
        )
        x = choose("X axis", {axis: axis for axis in axes}, "x", axes[0])
        log = st.toggle(
            "Log scale", key="log", bind="query-params", help="Loss and learning rate on a logarithmic axis."
        )
    return CurveView(x, smoothing, log, best=True)


def show_charts(run: Run) -> None:
    """Loss and accuracy, learning rate and images a second, renewed at every epoch."""
    show_notes(run)
    view = show_view()
    family = list_relatives(run)
    if len(family) > 1 and st.toggle("Branches", True, key="family", bind="query-params", help=FAMILY_HELP):
        _show_family(run, family, view)
        return
    runs = read_runs([run.id])
    steps = read_within(run, runs, "steps")
    if not (steps and steps.rows) and not any(each.rows for each in runs):
        show_centred("The curves begin with the first step.")
        return
    diagnosis = read_diagnosis(runs[0]) if runs else None
    if diagnosis:
        show_findings(runs[0], diagnosis)
        view = replace(view, marks=mark_findings(diagnosis, run.id))
    forecast = read_forecast(runs[0]) if runs else None
    if forecast:
        view = replace(view, fans=list_fans(forecast, run.id))
    key = f"chart.{run.id}"
    show_metrics(ABOVE, runs, view, key=key, file_name=run.file_stem, height=320, steps=steps)
    if forecast:
        show_forecast(forecast)
        show_stops_of_group(runs[0], "group")
    if not any(each.rows for each in runs):
        st.caption("Validation, learning rate and images per second follow with the first epoch.")
        return
    show_metrics(BELOW, runs, view, key=key, file_name=run.file_stem, height=210, steps=steps)
    if diagnosis:
        show_who_looked(diagnosis)


def _show_family(run: Run, family: Sequence[str], view: CurveView) -> None:
    """The curves of a tree of branches as one line that forks; what the doctor sees in this run, and where it and the
    others that train will end."""
    own, runs = read_runs([run.id]), read_runs(family)
    diagnosis = read_diagnosis(own[0]) if own else None
    if diagnosis:
        show_findings(own[0], diagnosis)
        view = replace(view, marks=mark_findings(diagnosis, run.id))
    forecasts = {each.id: read_forecast(each) for each in runs if each.id == run.id or each.state == "running"}
    known = {run_id: forecast for run_id, forecast in forecasts.items() if forecast}
    view = replace(view, fans=tuple(fan for run_id, each in known.items() for fan in list_fans(each, run_id)))
    key = f"family.{run.id}"
    show_metrics(ABOVE, runs, view, key=key, file_name=run.file_stem, height=320, keeps=run.id)
    if run.id in known:
        show_forecast(known[run.id])
    show_metrics(BELOW, runs, view, key=key, file_name=run.file_stem, height=210, keeps=run.id)
    if diagnosis:
        show_who_looked(diagnosis)


def show_summary(run: Run) -> None:
    """The figures with their splits, what they cost, and a note."""
    summary = run.summary()
    left, right = st.columns([0.62, 0.38], gap="large")
    with left:
        _show_reason(run, summary)
        show_notes(run)
        show_remarks(run)
        rows = [[figure.label, figure.value, figure.measured_on] for figure in list_figures(run, summary)]
        show_table(["Result", "Value", "Measured on"], rows)
        show_caption(run, summary)
    with right:
        show_table(["Origin" if summary.tool else "Cost", ""], list_costs(run, summary))
        if forecast := list_forecast(run):
            show_table(["Measured beforehand", "Forecast", "Actual"], forecast)
        st.text_area(
            "Note",
            run.about.note,
            key=f"note.{run.id}",
            max_chars=20_000,
            height=120,
            placeholder="What you tried and what you saw",
            on_change=keep_about,
            args=(run, "note"),
        )


def show_caption(run: Run, summary: RunSummary) -> None:
    if summary.tool:
        st.caption(
            f"As {summary.tool} has it, which tells neither the images nor how often the test images were looked at."
        )
        return
    choice = (
        "Every choice is made on validation" if run.has_validation else "Nothing was chosen, as no images were held out"
    )
    st.caption(
        f"One run, seed {run.spec.train.seed}. ± is one standard error of sampling the images; other seeds add "
        f"their own spread. {choice}; the test images are looked at once, at the end."
    )


def keep_about(run: Run, field: str) -> None:
    """Stores what was typed; an empty name gives the id back."""
    value = st.session_state[f"{field}.{run.id}"]
    if field == "name":
        value = st.session_state[f"name.{run.id}"] = value.strip() or run.id
    attempt(run.update_about, **{field: value})


def show_notes(run: Run) -> None:
    """Remarks of the worker at its start: a damaged checkpoint, a device that cannot be used."""
    if remarks := run.remarks():
        st.html(f'<p class="lab-callout">{escape(" ".join(remarks))}</p>')


def show_remarks(run: Run) -> None:
    """What was not taken over from another tool, and what its files said."""
    if record := run.foreign():
        told = [*list_left_out(record.get("left_out") or {}), *(record.get("remarks") or [])]
        if fault := run.series().fault:
            told.append(f"{fault}.")
        for sentence in told:
            st.html(f'<p class="lab-callout">{escape(plain(sentence))}</p>')


def _show_reason(run: Run, summary: RunSummary) -> None:
    """Why a run ended early, and what to do."""
    advice = {
        "failed": "The log has the details. Clone the run into Build to change what the message names.",
        "interrupted": "Resume continues from the last checkpoint; the result is the same as without the interruption.",
        "stopped": "Resume continues exactly where it stopped.",
    }
    if summary.state in advice and not summary.tool:
        reason = f"{escape(summary.reason)} " if summary.reason and summary.state == "failed" else ""
        st.html(f'<p class="lab-callout {summary.state}">{reason}{advice[summary.state]}</p>')


def show_config(run: Run) -> None:
    """The spec by section, with differences from a preset marked, and the command that reproduces the run."""
    nearest, _ = closest_preset(run.spec)
    names = ["defaults", *PRESETS]
    left, middle, right = st.columns([0.3, 0.4, 0.3], vertical_alignment="bottom")
    base = left.selectbox(
        "Compared with",
        names,
        index=names.index(nearest.name) if nearest else 0,
        format_func=lambda name: "Defaults" if name == "defaults" else PRESETS[name].title,
        key=f"base.{run.id}",
    )
    only = middle.toggle("Only what differs", key="differs", bind="query-params")
    right.download_button(
        layout.SPEC,
        run.spec.model_dump_json(indent=1),
        file_name=f"{run.file_stem}-spec.json",
        mime="application/json",
        icon=":material/download:",
        width="stretch",
        help="Everything that decides the result.",
    )
    other = flatten(RunSpec() if base == "defaults" else PRESETS[base].spec)
    here = flatten(run.spec)
    sections = {name: [path for path in here if path.startswith(name + ".")] for name in _SECTION_TITLES}
    for column, names_in in zip(st.columns(2, gap="large"), (("model", "data"), ("augment", "train")), strict=True):
        with column:
            for section in names_in:
                if section == "model":
                    _show_layers(here, other, only)
                _show_section(section, sections[section], here, other, only)
    st.markdown("**The same run from a terminal**")
    st.code(write_run_command(run), language="bash", wrap_lines=True)


def _show_section(section: str, paths: list[str], here: dict[str, Any], other: dict[str, Any], only: bool) -> None:
    siblings = {path.rpartition(".")[2]: here[path] for path in paths if "[" not in path}
    rows, marked = [], []
    for path in paths:
        if "[" in path:
            continue
        spec_field, differs = field_at(path), other.get(path, ...) != here[path]
        if (only and not differs) or not spec_field.applies(siblings):
            continue
        was = (show_value(spec_field, other[path]) if path in other else UNKNOWN) if differs else ""
        rows.append([spec_field.label, show_value(spec_field, here[path]), was])
        marked.append(differs)
    if rows:
        show_table([_SECTION_TITLES[section], "This run", "Compared with"], rows, marked)


def _show_layers(here: dict[str, Any], other: dict[str, Any], only: bool) -> None:
    """The block layers, a row each; a different value of the base is in brackets."""
    fields = fields_of("layers[]")
    rows, marked = [], []
    for index in range(sum(path.endswith("].blocks") for path in here)):
        paths = [f"model.layers[{index}].{field.name}" for field in fields]
        differing = [other.get(path) != here[path] for path in paths]
        cells = [
            f"{here[path]} ({other.get(path, UNKNOWN)})" if differs else str(here[path])
            for path, differs in zip(paths, differing, strict=True)
        ]
        if any(differing) or not only:
            rows.append([f"Layer {index + 1}", *cells])
            marked.append(any(differing))
    if rows:
        show_table(["Block layers", *(field.label for field in fields)], rows, marked)


def show_log(run: Run) -> None:
    """The end of the worker's output, the newest line in sight."""
    text = _CONTROL.sub("", run.log_tail(LOG_LINES))
    with st.container(key="run_log"):
        st.html(f"<pre>{escape(text) if text.strip() else 'The log is empty.'}</pre>")
    path = run.path / layout.LOG
    if path.is_file() and path.stat().st_size <= MAX_LOG_BYTES:
        st.download_button(
            "Whole log",
            path.read_bytes,
            file_name=f"{run.file_stem}-log.txt",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
        )


def show_system(run: Run) -> None:
    """How busy the run keeps the machine, and what it ran on."""
    show_use(run)
    left, right = st.columns(2, gap="large")
    with left:
        if rows := list_environment(run):
            show_table(["Environment", ""], rows)
        else:
            st.html('<p class="lab-muted">Written when the worker starts.</p>')
    with right:
        now = {**(run.progress() or {})}
        rows = [[label, show_fact(key, now[key])] for key, label in _USE.items() if now.get(key) is not None]
        if rows:
            show_table(["At last report", ""], rows)


def show_checkpoints(run: Run) -> None:
    """The checkpoints with their hashes; each download's name holds its hash."""
    files = run.checkpoints()
    try:
        run.require_manifest()
    except LabError as error:
        show_problem(f"The list of checkpoints cannot be used. {tell(error)}")
        return
    if not files:
        st.html('<p class="lab-muted">The first checkpoint is written at the end of the first epoch.</p>')
        return
    for file in reversed(files):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.html(
                f"<div><b>{escape(file.name)}</b> <span class='lab-muted'>epoch {file.epoch} · {_tell_kind(file)} · "
                f"{format_bytes(file.bytes)}</span><br><code class='lab-sha'>SHA-256 {escape(file.sha256)}</code></div>"
            )
            st.download_button(
                "Download",
                file.path.read_bytes,
                # Streamlit tells two large files of one size apart by their names only.
                file_name=f"{run.file_stem}-{file.path.stem}-{file.sha256[:12]}{file.path.suffix}",
                mime="application/octet-stream",
                icon=":material/download:",
                key=f"checkpoint.{file.name}.{file.sha256[:12]}",
                on_click="ignore",
            )
            show_branch_button(run, file)


def _tell_kind(file: CheckpointFile) -> str:
    if file.kind == "best":
        return "best on validation"
    return "kept by the run's rule" if file.kept else "to resume from"


def show_table(head: list[str], rows: list[list[str]], marked: list[bool] | None = None) -> None:
    """A quiet table of text; marked rows stand out."""
    marks = marked or [False] * len(rows)
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    top = f"<thead><tr>{titles}</tr></thead>" if any(head) else ""
    lines = "".join(
        f"<tr{' class=lab-marked' if mark else ''}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row, mark in zip(rows, marks, strict=True)
    )
    st.html(f'<table class="lab-table lab-plain">{top}<tbody>{lines}</tbody></table>')
