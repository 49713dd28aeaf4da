"""Import: files are dropped and read in the background; what came from another tool is kept once people said as what.

Archives of this lab are checked and are in the table at once.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import streamlit as st

from core.export.archive.unpack import Imported
from core.export.bring_in import Brought, bring_in
from core.imports.figures import guess_choice, keep_rules, read_rules
from core.imports.keep import Planned, describe_planned, keep_run, list_left_out, plan_import, tell_figures
from core.imports.staging import Upload
from core.imports.table import TableColumns
from core.imports.values import Found, ImportFilesError
from core.runs.foreign import FIGURES, name_tool
from core.runs.store import open_run
from core.system.errors import LabError
from core.text.formats import format_bytes
from core.text.safe import plain
from core.text.words import count_of
from pages.parts.frame.assets import show_style
from pages.parts.frame.failure import tell
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while
from pages.parts.transfer.jobs import Job, Report
from server.sign_in import current_address

# Streamlit holds an upload in memory; the command line reads from the disk, whatever the size.
MAX_MEGABYTES = 200
MAX_BYTES = 2_000_000 * MAX_MEGABYTES  # of all files together
SHOWN_RUNS, SHOWN_KEYS, SHOWN_NAMES = 30, 200, 2000
_JOB, _COUNT, _OUTCOME = "take_in.job", "take_in.count", "take_in.outcome"
_PREVIEW, _KEPT = "take_in.preview", "take_in.kept"
_LABELS = {"train": "Training", "val": "Validation", "test": "Test"}


@dataclass(frozen=True)
class Preview:
    """What was found in the files of other tools; the files are kept until it is imported or discarded."""

    found: Found
    uploads: list[Upload]
    columns: TableColumns | None = None


@dataclass(frozen=True)
class Kept:
    """What was imported from other tools, shown until it is closed."""

    runs: tuple[Imported, ...]
    problem: str = ""


def show_import() -> None:
    """The upload of files, in a popover."""
    with st.popover("Import", icon=":material/upload_file:", key="take_in"), st.container(width=380):
        renew_while(_is_busy, _show_upload)


def _is_busy() -> bool:
    job: Job[Brought] | None = st.session_state.get(_JOB)
    return job is not None and not job.is_over()


def _upload_key() -> str:
    """A new one after every import, so that the memory of the last is freed."""
    return f"take_in.upload.{st.session_state.get(_COUNT, 0)}"


def _begin() -> None:
    dropped: Sequence[io.BytesIO] = st.session_state[_upload_key()]
    if dropped:
        _read([(str(getattr(file, "name", "file")), file) for file in dropped], None)


def _read(uploads: list[Upload], columns: TableColumns | None) -> None:
    person = current_address()  # unknown in the job's thread

    def work(report: Report) -> Brought:
        size = sum(content.seek(0, io.SEEK_END) for _, content in uploads)
        if size > MAX_BYTES:
            at_most = f"at most {format_bytes(MAX_BYTES)} at once"
            raise ImportFilesError(f"Together they have {format_bytes(size)}; {at_most}.")
        return bring_in(uploads, report, columns=columns, started_by=person)

    st.session_state[_OUTCOME] = ("", [])
    st.session_state.pop(_KEPT, None)
    st.session_state[_PREVIEW] = Preview(Found(()), uploads, columns)
    st.session_state[_JOB] = Job(work)


def _finish(job: Job[Brought]) -> None:
    """Takes over what a job has read; the archives among it are imported."""
    del st.session_state[_JOB]
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    preview: Preview = st.session_state.pop(_PREVIEW)
    brought, problem = job.answer()
    st.session_state[_OUTCOME] = (problem or (brought.problem if brought else ""), brought.own if brought else [])
    if brought and (brought.found.runs or brought.found.columns or not brought.own):
        st.session_state[_PREVIEW] = replace(preview, found=brought.found)


def _show_upload() -> None:
    job: Job[Brought] | None = st.session_state.get(_JOB)
    if job is not None and job.is_over():
        _finish(job)
        st.rerun()
    st.file_uploader(
        "Runs of this lab or of another tool",
        accept_multiple_files=True,
        key=_upload_key(),
        on_change=_begin,
        max_upload_size=MAX_MEGABYTES,
        disabled=bool(job),
    )
    st.caption(
        "Zips made by Take away; files, or a zip of a folder, of TensorBoard, Weights & Biases, MLflow, Trackio, "
        f"DVCLive, SwanLab or ClearML; tables as CSV. At most {MAX_MEGABYTES} MB a file; larger ones with "
        "`python -m core import PATH`."
    )
    if job:
        share = job.done / job.total if job.total else 0.0
        st.progress(share, f"Reading, {job.describe()}")
    problem, taken = st.session_state.get(_OUTCOME, ("", []))
    if problem:
        show_problem(f"{'Not all' if taken else 'Nothing'} was imported. {problem}")
    _show_taken(taken)


def _show_taken(taken: Sequence[Imported]) -> None:
    lines = "".join(f'<li><a href="run?id={run.id}">{escape(run.name)}</a> {_tell(run)}</li>' for run in taken)
    if lines:
        st.html(f'<ul class="lab-small" style="margin:0;padding-left:1.1rem">{lines}</ul>')


def _tell(run: Imported) -> str:
    match run.outcome:
        case "here":
            return "is already here"
        case "copy":
            return f"got a new id, as its own was taken; {run.state}"
    return f"is imported; {run.state}"


# Runs of other tools, before they are kept --------------------------------------------------------------------------


def show_preview() -> None:
    """What was found in the files of other tools, and as what it would be kept; nothing where nothing was found."""
    if kept := st.session_state.get(_KEPT):
        _show_kept(kept)
    preview: Preview | None = st.session_state.get(_PREVIEW)
    if preview is None or _JOB in st.session_state:
        return
    show_style(__file__)
    runs = preview.found.runs
    with st.container(border=True, key="take_in_preview"):
        tools = ", ".join(dict.fromkeys(name_tool(run.format) for run in runs))
        found = f"{count_of(len(runs), 'run')} of {tools}" if runs else "No runs"
        st.html(f'<h3 class="lab-heading">{escape(found)} found. Nothing is kept yet.</h3>')
        if preview.found.columns:
            _choose_columns(preview)
        guessed = guess_choice(runs, read_rules())
        choice = _choose_figures(preview, guessed)
        planned = plan_import(runs, choice)
        _show_planned(planned)
        _show_rest(preview.found)
        news = [each for each in planned if each.outcome != "here"]
        with st.container(horizontal=True, gap="small"):
            st.button(
                f"Import {count_of(len(news), 'run')}" if news else "All of them are here already",
                type="primary",
                icon=":material/download_done:",
                key="take_in.keep",
                disabled=not news,
                on_click=_keep,
                args=(news, choice, guessed),
            )
            st.button("Discard", icon=":material/close:", key="take_in.discard", on_click=_discard)


def _choose_columns(preview: Preview) -> None:
    """Of a table: which column is the step, and which tell the run and the time; it is read again when that changes."""
    chosen = preview.columns or TableColumns()
    keys = {name: f"take_in.column.{name}" for name in ("step", "run", "time")}

    def change() -> None:
        _read(preview.uploads, TableColumns(**{name: st.session_state[key] for name, key in keys.items()}))

    with st.container(horizontal=True, gap="medium", key="take_in_columns"):
        for name, key in keys.items():
            options = ["", *preview.found.columns]
            current = getattr(chosen, name) or ""
            st.selectbox(
                f"Column of the {name}",
                options,
                options.index(current) if current in options else 0,
                key=key,
                format_func=lambda each: each or "As recognized",
                on_change=change,
                width=220,
            )


def _choose_figures(preview: Preview, guessed: dict[str, list[str]]) -> dict[str, list[str]]:
    """For each figure the series that it is, in order of preference; as guessed until people say otherwise."""
    names = sorted({name for run in preview.found.runs for name in (*run.series, *run.results)}, key=str.casefold)
    choice = {}
    with st.container(key="grid_take_in"):
        for figure in FIGURES:
            split, _, measure = figure.partition("/")
            choice[figure] = st.multiselect(
                f"{_LABELS[split]} {measure}",
                list(dict.fromkeys([*guessed[figure], *names[:SHOWN_NAMES]])),
                guessed[figure],
                key=f"take_in.figure.{st.session_state.get(_COUNT, 0)}.{figure}",
                placeholder="None",
                help="Of several, each run takes the first that it has. Kept for the next import.",
            )
    return choice


def _show_planned(planned: Sequence[Planned]) -> None:
    """A row a run: what it holds, and what of it becomes a figure of ours."""
    outcomes = {"new": "new", "grown": "here, has grown", "here": "already here"}
    lines = "".join(
        f"<tr><td class=lab-wrap>{_text(each.run.name)}</td><td>{escape(name_tool(each.run.format))}</td>"
        f"<td>{each.run.state if each.run.state != 'unknown' else 'not told'}</td>"
        f"<td class=lab-wrap>{_text(describe_planned(each)[0].rstrip('.'))}</td>"
        f"<td class=lab-wrap>{'<br>'.join(map(_text, tell_figures(each.mapping))) or 'none known'}</td>"
        f"<td>{outcomes[each.outcome]}</td></tr>"
        for each in planned[:SHOWN_RUNS]
    )
    if lines:
        heads = "".join(f"<th>{head}</th>" for head in ("Run", "From", "State", "Holds", "Figures", "Here"))
        st.html(
            '<div class="lab-scroll" tabindex="0" role="region" aria-label="Runs found">'
            f'<table class="lab-table take-in"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
        )
    if len(planned) > SHOWN_RUNS:
        st.caption(f"And {len(planned) - SHOWN_RUNS:,} more.")


def _show_rest(found: Found) -> None:
    """The keys of the configurations, what is left out and why, and remarks."""
    left_out: dict[str, int] = dict(found.left_out)
    for run in found.runs:
        for what, count in run.left_out.items():
            left_out[what] = left_out.get(what, 0) + count
    told = [*list_left_out(left_out), *dict.fromkeys(remark for run in found.runs for remark in run.remarks)]
    for sentence in told[:SHOWN_RUNS]:
        st.html(f'<p class="take-told">{_text(sentence)}</p>')
    keys = list(dict.fromkeys(key for run in found.runs for key in run.configuration))
    if keys:
        with st.expander(count_of(len(keys), "configuration key")):
            more = f" and {len(keys) - SHOWN_KEYS:,} more" if len(keys) > SHOWN_KEYS else ""
            st.html(f'<p class="lab-small lab-wrap">{_text(", ".join(keys[:SHOWN_KEYS]))}{more}</p>')


def _text(text: str) -> str:
    return escape(plain(text))


def _keep(news: Sequence[Planned], choice: dict[str, list[str]], guessed: dict[str, list[str]]) -> None:
    taken, problem = [], ""
    try:
        for each in news:
            run_id = keep_run(each, started_by=current_address())
            taken.append(Imported(run_id, each.run.key, each.run.name, open_run(run_id).state(), "new"))
        keep_rules(choice, guessed)
    except (LabError, OSError) as error:
        problem = tell(error)
    st.session_state[_KEPT] = Kept(tuple(taken), problem)
    if not problem:
        _discard()


def _discard() -> None:
    st.session_state.pop(_PREVIEW, None)


def _show_kept(kept: Kept) -> None:
    """The runs that are in the table now, and what to do with them."""
    with st.container(border=True, key="take_in_kept"):
        if kept.runs:
            st.html(f'<h3 class="lab-heading">{count_of(len(kept.runs), "run")} imported</h3>')
        _show_taken(kept.runs)
        if kept.problem:
            show_problem(kept.problem)
        with st.container(horizontal=True, gap="small"):
            if kept.runs and st.button("Compare", icon=":material/compare_arrows:", key="take_in.compare"):
                del st.session_state[_KEPT]
                st.switch_page("compare.py", query_params={"ids": ",".join(run.id for run in kept.runs[:SHOWN_RUNS])})
            if st.button("Close", icon=":material/close:", key="take_in.close"):
                del st.session_state[_KEPT]
                st.rerun()
