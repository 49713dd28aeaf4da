"""What was found in files that were dropped, and as what it would be kept; then what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

import streamlit as st

from core.export.archive.unpack import Imported
from core.export.bring_in import Brought, bring_own
from core.imports.figures import choose, guess_choice, keep_rules, read_rules
from core.imports.keep import Planned, describe_planned, keep_runs, list_left_out, plan_import, tell_figures
from core.imports.staging import Upload
from core.imports.table import TableColumns
from core.imports.values import Found
from core.runs.foreign import FIGURES, name_tool
from core.runs.store import open_run
from core.system.errors import LabError
from core.text.safe import plain
from core.text.words import count_of, join_words
from pages.parts.frame.assets import show_style
from pages.parts.frame.failure import tell
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while
from pages.parts.transfer.jobs import Job, Report
from server.sign_in import current_address

SHOWN_RUNS, SHOWN_KEYS, SHOWN_NAMES = 30, 200, 2000
_PREVIEW, _PLANNED, _JOB, _KEPT, _NUMBER = (
    "take_in.preview", "take_in.planned", "take_in.keeping", "take_in.kept", "take_in.number"
)  # fmt: skip
_LABELS = {"train": "Training", "val": "Validation", "test": "Test"}
_OUTCOMES = {"new": "new", "grown": "here, has grown", "here": "already here", "copy": "id is taken: gets a new one"}

Read = Callable[[list[Upload], TableColumns | None], None]
Names = tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What was found; the files are kept until it is imported or discarded."""

    brought: Brought
    uploads: list[Upload]
    columns: TableColumns | None = None

    @property
    def found(self) -> Found:
        return self.brought.found


@dataclass(frozen=True)
class Kept:
    """What was imported, shown until it is closed; each run with what became of it."""

    runs: tuple[tuple[str, str, str], ...]  # id, name, what is told
    problem: str = ""


def open_preview(preview: Preview) -> None:
    st.session_state[_PREVIEW] = preview
    st.session_state[_NUMBER] = st.session_state.get(_NUMBER, 0) + 1


def drop_preview() -> None:
    for key in (_PREVIEW, _PLANNED, _KEPT):
        st.session_state.pop(key, None)


def show_preview(read: Read) -> None:
    """Nothing where nothing was found; `read` reads the files again, as a table with other columns."""
    show_style(__file__)
    if _JOB in st.session_state:
        renew_while(_is_busy, _show_keeping)
        return
    if kept := st.session_state.get(_KEPT):
        _show_kept(kept)
    preview: Preview | None = st.session_state.get(_PREVIEW)
    if preview is None:
        return
    with st.container(border=True, key="take_in_preview"):
        runs, own = preview.found.runs, preview.brought.own
        tools = [*(["this lab"] if own else []), *dict.fromkeys(name_tool(run.format) for run in runs)]
        found = f"{count_of(len(runs) + len(own), 'run')} of {join_words(tools)}" if tools else "No runs"
        st.html(f'<h3 class="lab-heading">{escape(found)} found. Nothing is kept yet.</h3>')
        if preview.found.columns:
            _choose_columns(preview, read)
        guessed = guess_choice(runs, read_rules())
        chosen = _choose_figures(preview, guessed) if runs else {}
        planned = _plan(preview, choose(guessed, chosen))
        _show_planned(own, planned)
        _show_rest(preview)
        news = [each for each in planned if each.outcome != "here"]
        count = len(news) + sum(run.outcome != "here" for run in own)
        with st.container(horizontal=True, gap="small"):
            st.button(
                f"Import {count_of(count, 'run')}" if count else "All of them are here already",
                type="primary",
                icon=":material/download_done:",
                key="take_in.keep",
                disabled=not count,
                on_click=_keep,
                args=(preview, news, guessed, chosen),
            )
            st.button("Discard", icon=":material/close:", key="take_in.discard", on_click=drop_preview)


def _plan(preview: Preview, choice: Mapping[str, list[str]]) -> list[Planned]:
    """What would become of the runs; worked out again when the choice changes."""
    planned: list[Planned]
    known, chosen, planned = st.session_state.get(_PLANNED, (None, None, []))
    if known is not preview or chosen != choice:
        planned = plan_import(preview.found.runs, choice)
        st.session_state[_PLANNED] = (preview, choice, planned)
    return planned


def _choose_columns(preview: Preview, read: Read) -> None:
    """Of a table: which column is the step, and which tell the run and the time; it is read again when that changes."""
    told = preview.columns or TableColumns()
    keys = {name: f"take_in.column.{st.session_state[_NUMBER]}.{name}" for name in ("step", "run", "time")}

    def change() -> None:
        read(preview.uploads, TableColumns(**{name: st.session_state[key] for name, key in keys.items()}))

    guessed: dict[str, str] = preview.found.details.get("columns", {})
    with st.container(horizontal=True, gap="medium", key="take_in_columns"):
        for name, key in keys.items():
            options: list[str] = ["", *preview.found.columns]
            current = getattr(told, name)
            st.selectbox(
                f"{name.capitalize()} column",
                options,
                options.index(current) if current in options else 0,
                key=key,
                format_func=partial(_name_column, guessed.get(name, "")),
                on_change=change,
                help="Of tables such as CSV; other files tell it themselves." if name == "step" else None,
                width=220,
            )


def _name_column(recognized: str, column: str) -> str:
    return plain(column) or f"As recognized: {plain(recognized) or 'none'}"


def _choose_figures(preview: Preview, guessed: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The figures for which people chose another series than was guessed, or none."""
    names = sorted({name for run in preview.found.runs for name in (*run.series, *run.results)}, key=str.casefold)
    chosen: dict[str, list[str]] = {}
    with st.container(key="grid_take_in"):
        for figure in FIGURES:
            split, _, measure = figure.partition("/")
            guess = tuple(guessed[figure])
            options: list[Names] = list(dict.fromkeys([guess, (), *((name,) for name in names[:SHOWN_NAMES])]))
            picked = st.selectbox(
                f"{_LABELS[split]} {measure}",
                options,
                key=f"take_in.figure.{st.session_state[_NUMBER]}.{figure}",
                format_func=_name_option,
                help="Which series it is. Where several are named, each run takes the first that it has. "
                "Kept for the next import.",
            )
            if picked != guess:
                chosen[figure] = list(picked)
    twice = {name for names in chosen.values() for name in names if sum(name in each for each in chosen.values()) > 1}
    for name in sorted(twice):
        show_problem(f"{plain(name)} is chosen twice: the first of the two figures takes it.")
    return chosen


def _name_option(names: Names) -> str:
    shown = [plain(name) for name in names[:3]]
    return ", else ".join(shown) + (f", else {len(names) - 3} more" if len(names) > 3 else "") or "None"


def _show_planned(own: Sequence[Imported], planned: Sequence[Planned]) -> None:
    """A row a run: what it holds, and what of it becomes a figure of ours."""
    lines = [_row(run.name, "this lab", run.state, "a whole run", "its own", run.outcome) for run in own]
    for each in planned:
        state = each.run.state if each.run.state != "unknown" else "not told"
        figures = "\n".join(tell_figures(each.mapping)) or "none known"
        holds = describe_planned(each)[0].rstrip(".")
        lines.append(_row(each.run.name, name_tool(each.run.format), state, holds, figures, each.outcome))
    heads = "".join(f"<th>{head}</th>" for head in ("Run", "From", "State", "Holds", "Figures", "Here"))
    if lines:
        st.html(
            '<div class="lab-scroll" tabindex="0" role="region" aria-label="Runs found">'
            f'<table class="lab-table take-in"><thead><tr>{heads}</tr></thead>'
            f"<tbody>{''.join(lines[:SHOWN_RUNS])}</tbody></table></div>"
        )
    if len(lines) > SHOWN_RUNS:
        st.caption(f"And {len(lines) - SHOWN_RUNS:,} more.")


def _row(name: str, tool: str, state: str, holds: str, figures: str, outcome: str) -> str:
    figures = "<br>".join(map(_text, figures.split("\n")))
    return (
        f"<tr><td class=lab-wrap>{_text(name)}</td><td>{escape(tool)}</td><td>{escape(state)}</td>"
        f"<td class=lab-wrap>{_text(holds)}</td><td class=lab-wrap>{figures}</td><td>{_OUTCOMES[outcome]}</td></tr>"
    )


def _show_rest(preview: Preview) -> None:
    """The names of series and of configuration keys, what is left out and why, and remarks."""
    found = preview.found
    left_out: dict[str, int] = dict(found.left_out)
    for run in found.runs:
        for what, count in run.left_out.items():
            left_out[what] = left_out.get(what, 0) + count
    told = [*list_left_out(left_out), *dict.fromkeys(remark for run in found.runs for remark in run.remarks)]
    if preview.brought.problem:
        show_problem(f"Left out: {preview.brought.problem}")
    for sentence in told[:SHOWN_RUNS]:
        st.html(f'<p class="take-told">{_text(sentence)}</p>')
    if len(told) > SHOWN_RUNS:
        st.caption(f"And {len(told) - SHOWN_RUNS:,} more remarks.")
    _show_names("series", "series", [name for run in found.runs for name in (*run.series, *run.results)])
    _show_names("configuration key", "", [key for run in found.runs for key in run.configuration])


def _show_names(one: str, many: str, all_names: Sequence[str]) -> None:
    names = list(dict.fromkeys(all_names))
    if names:
        with st.expander(count_of(len(names), one, many)):
            more = f" and {len(names) - SHOWN_KEYS:,} more" if len(names) > SHOWN_KEYS else ""
            st.html(f'<p class="lab-small lab-wrap">{_text(", ".join(names[:SHOWN_KEYS]))}{more}</p>')


def _text(text: str) -> str:
    return escape(plain(text))


# What is kept -------------------------------------------------------------------------------------------------------


def _keep(
    preview: Preview, news: Sequence[Planned], guessed: Mapping[str, list[str]], chosen: Mapping[str, list[str]]
) -> None:
    person = current_address()  # unknown in the job's thread

    def work(report: Report) -> Kept:
        taken, problem = [], ""
        try:
            brought = bring_own(preview.uploads, report, started_by=person) if preview.brought.own else Brought()
            taken += [(run.id, run.name, _tell(run.outcome, run.state)) for run in brought.own]
            problem = brought.problem
            for number, each in enumerate(keep_runs(news, started_by=person), 1):
                taken.append((each.id, each.run.name, _tell(each.outcome, open_run(each.id).state())))
                report(number, len(news))
            if chosen:
                keep_rules(choose(guessed, chosen), guessed)
        except (LabError, OSError) as error:
            problem = tell(error)
        return Kept(tuple(taken), problem)

    st.session_state[_JOB] = Job(work)


def _tell(outcome: str, state: str) -> str:
    match outcome:
        case "here":
            return "is already here"
        case "grown":
            return f"is brought up to date; {state}"
        case "copy":
            return f"got a new id, as its own was taken; {state}"
    return f"is imported; {state}"


def _is_busy() -> bool:
    job: Job[Kept] | None = st.session_state.get(_JOB)
    return job is not None and not job.is_over()


def _show_keeping() -> None:
    job: Job[Kept] = st.session_state[_JOB]
    if not job.is_over():
        st.progress(job.done / job.total if job.total else 0.0, f"Importing, {job.describe()}")
        return
    del st.session_state[_JOB]
    kept, _ = job.answer()
    if kept and not kept.problem:
        drop_preview()
    st.session_state[_KEPT] = kept
    st.rerun()


def _show_kept(kept: Kept) -> None:
    """The runs that are in the table now, and what to do with them."""
    with st.container(border=True, key="take_in_kept"):
        if kept.runs:
            st.html(f'<h3 class="lab-heading">{count_of(len(kept.runs), "run")} imported</h3>')
        if kept.problem:
            show_problem(kept.problem if kept.runs else f"Nothing was imported. {kept.problem}")
        lines = "".join(
            f'<li><a href="run?id={run_id}">{_text(name)}</a> {escape(told)}</li>'
            for run_id, name, told in kept.runs[:SHOWN_RUNS]
        )
        if lines:
            more = f"<li>and {len(kept.runs) - SHOWN_RUNS:,} more</li>" if len(kept.runs) > SHOWN_RUNS else ""
            st.html(f'<ul class="lab-small" style="margin:0;padding-left:1.1rem">{lines}{more}</ul>')
        with st.container(horizontal=True, gap="small"):
            if kept.runs and st.button("Compare", icon=":material/compare_arrows:", key="take_in.compare"):
                del st.session_state[_KEPT]
                st.switch_page("compare.py", query_params={"ids": ",".join(run[0] for run in kept.runs[:SHOWN_RUNS])})
            if st.button("Close", icon=":material/close:", key="take_in.close"):
                del st.session_state[_KEPT]
                st.rerun()
