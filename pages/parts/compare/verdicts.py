"""Which of the compared runs is really better: in one line, and each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.compare.differences import draw_differences
from core.compare.units import Unit
from core.compare.verdicts import (
    METHODS,
    Incomparable,
    Outcome,
    Verdict,
    judge_all,
    outcome_of,
    sort_outcomes,
    sort_verdicts,
    warn_of_chance,
)
from core.text.words import count_of
from pages.parts.compare.curves import show_drawing
from pages.parts.compare.gallery import draw_dot, need_two
from pages.parts.compare.table import weights_control

MOST_NAMED = 3  # of each outcome, in the line
_OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "better": ("better", "lab-good"),
    "worse": ("worse", "lab-bad"),
    "open": ("not settled", "lab-muted"),
}


def show_outcome_line(units: Sequence[Unit]) -> None:
    """How many are better than the baseline on the test images, by how much; nothing before any was tested."""
    judged, others = sort_verdicts(judge_all(units, "last"))
    if not judged:
        return
    told = [_tell_outcome(outcome, found) for outcome, found in sort_outcomes(judged).items() if found]
    if others:
        told.append(f'<span class="lab-muted">{_count_runs(others):,} cannot be compared</span>')
    why = "Difference in test accuracy with the last weights, in points. Is it better? has intervals and reasons."
    against = f"<span>On test, against {draw_dot(units[0])}<b>{escape(units[0].name)}</b></span>"
    st.html(f'<p class="compare-outcome" title="{escape(why)}">{against}{"".join(told)}</p>')


def _tell_outcome(outcome: Outcome, verdicts: Sequence[Verdict]) -> str:
    words, tone = _OUTCOMES[outcome]
    named = "".join(
        f"<span>{draw_dot(each.unit)}{escape(each.unit.name)} {100 * each.comparison.difference:+.2f} points</span>"
        for each in verdicts[:MOST_NAMED]
        if each.comparison
    )
    more = f"<span>and {len(verdicts) - MOST_NAMED:,} more</span>" if len(verdicts) > MOST_NAMED else ""
    return f'<span class="{tone}"><b>{len(verdicts):,} {words}</b></span>{named}{more}'


def show_verdicts(units: Sequence[Unit]) -> None:
    """Every unit against the baseline in a sentence, with the intervals drawn."""
    weights = weights_control()
    if not need_two(units):
        return
    verdicts = judge_all(units, weights)
    judged, others = sort_verdicts(verdicts)
    left, right = st.columns([0.56, 0.44], gap="large") if judged else (st.container(), st.container())
    with left:
        sentences = "".join(_tell_verdict(verdict, units[0]) for verdict in judged)
        st.html(f'<div class="compare-verdicts">{sentences}{_tell_others(others)}</div>')
        if warning := warn_of_chance(len(judged)):
            st.caption(warning)
        st.caption(METHODS)
    with right:
        if judged:
            drawing = draw_differences(verdicts, units[0])
            show_drawing(drawing, key="compare.differences", height=max(180, 90 + 34 * len(judged)))


def _tell_verdict(verdict: Verdict, baseline: Unit) -> str:
    remarks = "".join(f'<p class="lab-muted lab-small">{escape(remark)}</p>' for remark in verdict.remarks)
    look = f" {outcome_of(verdict.comparison)}" if verdict.comparison else ""
    return (
        f'<div class="compare-verdict{look}">{draw_dot(verdict.unit)}'
        f'<div><p class="pair">{escape(verdict.unit.name)} against {escape(baseline.name)}</p>'
        f"<p>{escape(verdict.sentence)}</p>{remarks}</div></div>"
    )


def _tell_others(others: Sequence[Incomparable]) -> str:
    """One card for all that cannot be compared, by the reason."""
    if not others:
        return ""
    parts = []
    for each in others:
        units = [verdict.unit for verdict in each.verdicts]
        names = "".join(f"<span>{draw_dot(unit)}{escape(unit.name)}</span>" for unit in units)
        remarks = dict.fromkeys(remark for verdict in each.verdicts for remark in verdict.remarks)
        told = f'<p class="lab-muted lab-small">{escape(" ".join([*remarks][:3]))}</p>' if remarks else ""
        parts.append(f'<p>{escape(each.reason)}</p><div class="compare-chosen">{names}</div>{told}')
    count = count_of(_count_runs(others), "run")
    head = f'<p class="pair">{count} cannot be compared</p>'
    return f'<div class="compare-verdict apart"><div>{head}{"".join(parts)}</div></div>'


def _count_runs(others: Sequence[Incomparable]) -> int:
    return sum(len(verdict.unit.runs) for each in others for verdict in each.verdicts)
