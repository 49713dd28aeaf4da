"""What the doctor sees in a run: each finding with its evidence and what may mend it, and quietly who looked.

The doctor brings scipy along, which a page without a run need not wait for.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from core.compare.snapshot import ComparedRun
from core.spec.link import to_link
from core.system.errors import LabError
from core.text.words import list_first

if TYPE_CHECKING:
    from core.compare.lines import Mark
    from core.doctor.diagnose import Diagnosis, Finding
    from core.doctor.rule import Fix

MOST_FIXES, MOST_NAMED = 3, 2


def read_diagnosis(run: ComparedRun) -> Diagnosis | None:
    """None of a run that cannot be looked at: another tool's, or a damaged one."""
    from core.doctor.diagnose import diagnose_run

    if run.tool or run.damage:
        return None
    try:
        return diagnose_run(run)
    except (LabError, OSError):
        return None


def mark_findings(diagnosis: Diagnosis, run_id: str) -> tuple[Mark, ...]:
    """The epochs that the findings speak of, for the curves."""
    from core.doctor.diagnose import list_marks

    return tuple(replace(mark, run=run_id) for mark in list_marks(diagnosis))


def show_findings(run: ComparedRun, diagnosis: Diagnosis) -> None:
    """A line above the curves that names what was found, and opens to all of it; nothing where nothing was found."""
    if not diagnosis.findings:
        return
    first, *others = (finding.rule.title for finding in diagnosis.findings)
    named = list_first([first, *(title[0].lower() + title[1:] for title in others)], MOST_NAMED)
    with st.expander(f"Doctor: {named}", icon=":material/healing:", key="doctor"):
        for finding in diagnosis.findings:
            _show_one(run, finding)
        _list_others(diagnosis)


def _show_one(run: ComparedRun, finding: Finding) -> None:
    rule, found = finding.rule, finding.found
    with st.container(key=f"finding_{rule.name}", gap="xsmall"):
        st.html(
            f'<p class="lab-callout doctor"><b>{escape(rule.title)}.</b> {escape(found.evidence)} '
            f'<span class="lab-muted">{escape(rule.why)} ({escape(rule.source)})</span></p>'
        )
        fixes = [(fix, changed) for fix in found.fixes if (changed := fix.apply(run.spec))]
        with st.container(horizontal=True, gap="small", key=f"fixes_{rule.name}"):
            for number, (fix, changed) in enumerate(fixes[:MOST_FIXES]):
                if st.button(
                    f"Clone with {_lower(fix)}",
                    icon=":material/healing:",
                    key=f"fix.{rule.name}.{number}",
                    type="tertiary",
                    help="Opens Build with this run's spec and that change.",
                ):
                    st.switch_page("build.py", query_params={"spec": to_link(changed)})
            if found.images and st.button(
                "Look at the images", icon=":material/image_search:", key=f"look.{rule.name}", type="tertiary"
            ):
                st.switch_page("examine.py", query_params={"id": run.id, "tab": "History"})


def _lower(fix: Fix) -> str:
    return fix.label[0].lower() + fix.label[1:]


def show_who_looked(diagnosis: Diagnosis) -> None:
    """Where nothing was found, a muted line below the curves; it opens to who looked and why others could not."""
    from core.doctor.diagnose import sum_up

    if not diagnosis.findings:
        with st.expander(f"Doctor: {sum_up(diagnosis)}", key="doctor", type="compact"):
            _list_others(diagnosis)


def _list_others(diagnosis: Diagnosis) -> None:
    lines = [f"<li>{escape(rule.title)}: not seen</li>" for rule in diagnosis.sound]
    lines += [f"<li>{escape(one.rule.title)}: {escape(one.why)}</li>" for one in diagnosis.unseen]
    st.html(f'<ul class="lab-small lab-muted doctor-rules">{"".join(lines)}</ul>')
