"""Build: shape a network, see what it costs while it changes, and start training it."""

from __future__ import annotations

import streamlit as st

from core.machine.devices import list_devices
from core.spec.fields import fields_of, label_path
from core.spec.presets import PRESETS
from pages.parts.build import branching
from pages.parts.build.cost_panel import show_cost
from pages.parts.build.data_checks import show_checks
from pages.parts.build.draft import ADDRESS, Draft, open_draft, read_address, write_address
from pages.parts.build.exchange import show_export, show_import
from pages.parts.build.form import count_changed, folded_names, show_fields, show_layers
from pages.parts.build.images_panel import show_images
from pages.parts.build.samples import show_samples
from pages.parts.build.start_panel import enter_page, show_start
from pages.parts.frame.frame import was_entered
from pages.parts.frame.style import show_alert
from pages.parts.studies.by_build import show_return

COLUMNS = [5, 7]


def show_presets(draft: Draft) -> None:
    """Where to start from, with the source of its numbers and what has been changed since."""
    key = draft.widget_key("preset")
    st.selectbox(
        "Start from",
        list(PRESETS),
        index=list(PRESETS).index(draft.preset) if draft.preset else None,
        key=key,
        format_func=lambda name: PRESETS[name].title,
        placeholder="A preset",
        on_change=_choose_preset,
        args=(draft, key),
    )


def _choose_preset(draft: Draft, key: str) -> None:
    if draft.is_current(key):
        _take_preset(draft, st.session_state[key])


def _take_preset(draft: Draft, name: str | None) -> None:
    if name:
        draft.replace(PRESETS[name].spec, name)


def show_reset(draft: Draft) -> None:
    """The way back to the preset, and what was changed since."""
    preset = PRESETS.get(draft.preset)
    changed = list(map(label_path, draft.find_changes(preset.spec))) if preset else []
    st.button(
        f"Reset · {len(changed)}" if changed else "Reset",
        key="reset",
        icon=":material/undo:",
        on_click=_take_preset,
        args=(draft, draft.preset),
        disabled=not changed,
        help=("Changed: " + ", ".join(changed[:12]) + ("…" if len(changed) > 12 else "")) if changed else None,
    )


def show_section(draft: Draft, section: str, title: str, choices: dict[str, list[str]] | None = None) -> None:
    """One group of fields: the basics in sight, the rest folded unless something is wrong there."""
    st.html(f'<h3 class="lab-heading">{title}</h3>')
    if section == "model":
        show_layers(draft)
    basic = [field.name for field in fields_of(section) if field.basic and field.kind != "layers"]
    with st.container(key=f"grid_{section}"):
        show_fields(draft, section, basic, choices)
    if section == "data":
        show_images(draft)
        show_checks(draft)
    folded = folded_names(section, basic)
    changed = count_changed(draft, section, folded)
    wrong = any(draft.problems_at(f"{section}.{name}") for name in folded)
    label = f"More · {changed} set" if changed else "More"
    with (
        st.expander(label, expanded=wrong, key=f"more_{section}_{wrong}", type="compact"),
        st.container(key=f"grid_more_{section}"),
    ):
        show_fields(draft, section, folded, choices)


draft = open_draft()
enter_page(entered=was_entered("build"))
touched = draft.touched  # before a spec of the address is taken in
read_address(draft)
branching.read_branch(draft, touched)
draft.check()

for notice in filter(None, (ADDRESS.notice, branching.ADDRESS.notice)):
    show_alert(notice)
if draft.notice:
    show_alert(draft.notice, is_error=False)

show_return()
branching.show_branch(draft)
right, left = st.columns(COLUMNS, gap="large")  # in the order of the keyboard; the style sheet puts Start on the right
with left, st.container(key="form", gap="xsmall"):
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        show_presets(draft)
        show_reset(draft)
        show_import(draft)
        show_export(draft)
    if draft.preset:
        st.caption(f"{PRESETS[draft.preset].source} {PRESETS[draft.preset].note}")
    show_section(draft, "model", "Network")
    data, augment = st.columns(2, gap="large")
    with data, st.container(gap="xsmall"):
        show_section(draft, "data", "Data")
    with augment, st.container(gap="xsmall"):
        show_section(draft, "augment", "Augmentation")
    devices = ["auto", *(device.id for device in list_devices())]
    show_section(draft, "train", "Training", {"device": devices})
with right, st.container(key="cost_panel", gap="xsmall"):
    with st.container(key="start_panel", gap="xsmall"):
        show_start(draft)
    show_cost(draft)
    show_samples(draft)

branching.write_branch(draft, draft.touched)
write_address(draft)
