"""What the network on the Build page costs: parameters against a budget, per layer, memory, drawing, learning rate."""

from __future__ import annotations

from functools import lru_cache
from html import escape

import streamlit as st

from core.data.catalogue import count_by_part
from core.data.store import DataError
from core.spec import DataSpec, RunSpec
from core.spec.cost import (
    DEFAULT_BUDGET,
    Cost,
    cost_of,
    fit_to_budget,
    marginal_parameters,
    training_memory,
    training_multiply_adds,
)
from core.spec.keeping import estimate_keeping, tell_keeping
from core.spec.parse import SpecError
from core.spec.schedule import preview, updates_per_epoch
from core.text.formats import format_bytes, format_count
from core.text.words import count_of
from pages.parts.build.draft import Draft
from pages.parts.build.forecast import show_forecast
from pages.parts.build.network_drawing import draw_network
from pages.parts.build.rate_drawing import draw_rate
from pages.parts.frame.numbers import ask_whole
from pages.parts.frame.style import show_problem, show_svg

BUDGET_KEY = "budget"


_drawing = lru_cache(maxsize=64)(draw_network)


def show_cost(draft: Draft) -> None:
    """The cost of the last spec that can be run; greyed while the draft cannot."""
    spec, cost = draft.good, cost_of(draft.good)
    stale = " lab-stale" if draft.problems else ""
    _show_budget(draft, cost, stale)
    st.html(f'<div class="{stale}">{_facts(spec, cost)}</div>')
    show_forecast(draft)
    show_svg(f'<div class="lab-section{stale}">{_drawing(spec, cost)}</div>')
    st.html(f'<div class="{stale}">{_layer_table(spec, cost)}</div>')
    _show_rate(spec, stale)


def _show_budget(draft: Draft, cost: Cost, stale: str) -> None:
    with st.container(key="budget_row", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.html(
            f'<div class="{stale}"><span class="lab-muted lab-small">Parameters</span>'
            f'<div class="lab-big" data-testid="parameters">{cost.parameters:,}</div></div>'
        )
        budget = ask_whole(
            "Budget",
            DEFAULT_BUDGET,
            1,
            10**9,
            key=BUDGET_KEY,
            bind="query-params",
            width=130,
            help="How many parameters the network may have.",
        )
        st.button(
            "Fit to budget",
            key="fit",
            icon=":material/fit_width:",
            on_click=_fit,
            args=(draft, budget),
            disabled=bool(draft.problems) or budget is None,
            help="Scales all channels so that the parameters come as close under the budget as possible.",
        )
    if budget is None:
        return
    share = cost.parameters / budget
    over = cost.parameters - budget
    words = f"{over:,} over the budget" if over > 0 else f"{share * 100:.3g} % of the budget, {-over:,} left"
    st.html(
        f'<div class="{stale}"><div class="lab-bar{" over" if over > 0 else ""}" role="meter" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{min(100, share * 100):.0f}" aria-label="Share of the budget">'
        f'<span style="width:{min(100, share * 100):.2f}%"></span></div>'
        f'<span class="lab-small {"lab-bad" if over > 0 else "lab-muted"}">{words}</span></div>'
    )
    if problem := st.session_state.pop("build.fit_problem", ""):
        show_problem(problem)


def _fit(draft: Draft, budget: int) -> None:
    try:
        draft.replace(fit_to_budget(draft.good, budget), draft.preset)
    except SpecError as error:
        st.session_state["build.fit_problem"] = f"It does not fit: {error.problems[0].message}."


def _facts(spec: RunSpec, cost: Cost) -> str:
    bytes_per_value = 2 if spec.train.precision == "bfloat16" else 4
    memory = format_bytes(training_memory(spec, cost, bytes_per_value))
    forward = "One image, forward; training takes about 3 times."
    facts = [
        (format_count(cost.multiply_adds), "multiply-adds an image", forward),
        (memory, f"to train at batch {spec.train.batch_size:,}", "Estimate: weights, optimizer and one batch's maps."),
    ]
    if spec.train.grow_images:
        mean, sides = format_count(round(training_multiply_adds(spec))), "Of the sides of images, by their updates."
        facts.insert(1, (mean, "on average in training", sides))
    keeping = estimate_keeping(spec, cost)
    rule = tell_keeping(spec, cost) or f"The last two{' and the best' if spec.data.may_validate else ''}."
    words = f"for {count_of(keeping.count, 'checkpoint')}"
    facts.append((format_bytes(keeping.bytes), words, f"Estimate of the disk at the end. {rule}"))
    if images := count_train_images(spec.data):
        number, _, noun = count_of(updates_per_epoch(spec.train, images), "update").partition(" ")
        facts.append((number, f"{noun} an epoch", f"{images:,} training images."))
    cells = (f'<div title="{escape(title)}"><b>{value}</b> {escape(words)}</div>' for value, words, title in facts)
    return f'<div class="lab-facts">{"".join(cells)}</div>'


def count_train_images(data: DataSpec) -> int:
    """Training images; 0 where an image folder cannot be read."""
    try:
        return count_by_part(data).train
    except DataError:
        return 0


def _layer_table(spec: RunSpec, cost: Cost) -> str:
    added: list[tuple[int, int] | None] = [None, *marginal_parameters(spec), None]
    rows = []
    for row, more in zip(cost.layers, added, strict=True):
        block, wide = (f"{more[0]:+,}", f"{more[1]:+,}") if more else ("", "")
        size = f"{row.map_size}×{row.map_size}"
        share = 100 * row.parameters / cost.parameters
        rows.append(
            f'<tr><td>{escape(row.name)}</td><td>{size}</td><td class="lab-spare">{row.channels:,}</td>'
            f'<td title="{share:.1f} % of all">{row.parameters:,}</td><td>{format_count(row.multiply_adds)}</td>'
            f'<td class="lab-muted">{block}</td><td class="lab-muted">{wide}</td></tr>'
        )
    return (
        '<div class="lab-scroll"><table class="lab-table"><thead><tr><th></th><th>Map</th>'
        '<th class="lab-spare">Channels</th>'
        '<th>Parameters</th><th>Multiply-adds</th><th title="Parameters that one more block would add">+1 block</th>'
        '<th title="Parameters that 16 more channels would add">+16 channels</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _show_rate(spec: RunSpec, stale: str) -> None:
    images = count_train_images(spec.data)
    if not images:
        return
    epochs, rates = preview(spec.train, images)
    note = " until the validation loss stalls" if spec.train.schedule == "plateau" else ""
    drawing = draw_rate(list(map(float, epochs)), list(map(float, rates)), spec.train.passes)
    show_svg(f'<div class="lab-section{stale}"><p class="lab-title">Learning rate{note}</p>{drawing}</div>')
