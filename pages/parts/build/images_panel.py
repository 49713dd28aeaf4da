"""The images that a draft trains on: the size of each part, an image folder's classes, and what was left out of it."""

from __future__ import annotations

from html import escape

import streamlit as st
from pydantic import ValidationError

from core.data.bring import list_brought
from core.data.catalogue import count_by_part, find_origins
from core.data.folder import FolderStatus, inspect_folder
from core.data.parts import FolderQuestion
from core.data.splits import Sizes
from core.data.store import DataError
from core.spec import DataSpec
from core.spec.link import pack_data
from core.text.safe import plain
from core.text.words import count_of, list_first
from pages.parts.build.draft import Draft

# So many classes are listed; a table of thousands would hold the page up.
MOST_CLASSES = 200
MOST_NAMED = 8
_VERBS = {"train": "to train on", "val": "to validate on", "test": "to test on"}


def show_images(draft: Draft) -> None:
    """Below the data's fields; nothing while they are wrong, and a question where a folder's parts are not clear."""
    data = _read_data(draft)
    if data is None:
        _offer_brought(draft)
        return
    try:
        status = inspect_folder(data.folder, data.folder_parts) if data.dataset == "folder" else None
        sizes, origins = count_by_part(data), find_origins(data)
    except FolderQuestion as question:
        _ask(draft, question)
        return
    except DataError:
        return  # told at its field
    words = {part: f"{verb}, {origins[part]}" if origins[part] else verb for part, verb in _VERBS.items()}
    if not sizes.val:
        words["val"] = f"{_VERBS['val']}, so nothing is chosen"
    cells = (
        f'<div class="lab-wrap"><b>{getattr(sizes, part):,}</b> {escape(plain(told))}</div>'
        for part, told in words.items()
    )
    st.html(f'<div class="lab-facts" data-testid="parts">{"".join(cells)}</div>')
    if st.button("See the images", icon=":material/photo_library:", type="tertiary", key="see_images"):
        st.switch_page("data.py", query_params={"set": pack_data(data)})
    _offer_cap(draft, data, sizes)
    if status:
        _show_folder(status)


def _read_data(draft: Draft) -> DataSpec | None:
    """The draft's own choice of data, also while other fields are wrong."""
    try:
        data = DataSpec.model_validate_json(draft.data_json())
    except ValidationError:
        return None
    return None if data.dataset == "folder" and not data.folder.strip() else data


def _offer_cap(draft: Draft, data: DataSpec, sizes: Sizes) -> None:
    """Where few images are trained on and many looked at, the limit can hold for all parts."""
    if not data.max_train_images or data.cap_held_out or sizes.val + sizes.test <= sizes.train:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="cap_offer"):
        st.html(
            '<span class="lab-small lab-muted">More images are validated and tested than trained on.</span>',
            width="content",
        )
        st.button(
            "Fewer of these, too",
            key="cap_held_out",
            icon=":material/content_cut:",
            type="tertiary",
            help="Limits validation and test to the same share as training.",
            on_click=draft.choose,
            args=("data", "cap_held_out", True),
        )


def _offer_brought(draft: Draft) -> None:
    """The sets that were brought, where a folder is to be named and none is."""
    if draft.values["data"]["dataset"] != "folder" or str(draft.values["data"]["folder"]).strip():
        return
    folders = {str(folder): folder.name for folder in list_brought()}
    key = draft.widget_key("brought")

    def take() -> None:
        if draft.is_current(key) and st.session_state[key]:
            draft.choose("data", "folder", st.session_state[key])

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if folders:
            st.selectbox(
                "Sets that were brought",
                list(folders),
                index=None,
                format_func=lambda path: plain(folders[path]),
                placeholder="Choose one",
                key=key,
                on_change=take,
            )
        if st.button("Bring images", icon=":material/upload_file:", type="tertiary", key="bring_images"):
            st.switch_page("data.py")


def _ask(draft: Draft, question: FolderQuestion) -> None:
    """Which folders are parts and which are classes: one choice, which goes into the spec."""
    labels = {choice.parts: choice.label for choice in question.choices}
    key = draft.widget_key("folder_question")

    def take() -> None:
        if draft.is_current(key) and st.session_state[key]:
            draft.choose("data", "folder_parts", st.session_state[key])

    st.radio(
        "What are these folders?",
        list(labels),
        index=None,
        format_func=lambda parts: plain(labels[parts][:1].upper() + labels[parts][1:]),
        key=key,
        on_change=take,
        help="The answer is kept in the run's specification, as Parts.",
    )


def _show_folder(status: FolderStatus) -> None:
    names = list_first(status.classes, MOST_NAMED)
    lines = [f"{count_of(len(status.classes), 'class', 'classes')}: {names}."]
    if status.left_out:
        lines.append(f"Left out: {'; '.join(f'{left.reason} ({left.number:,})' for left in status.left_out)}.")
    st.html("".join(f'<p class="lab-small lab-muted lab-wrap">{escape(plain(line))}</p>' for line in lines))
    with st.expander("Images of each class", key="folder_classes", type="compact"):
        st.html(_classes_table(status))
        if status.left_out:
            st.html(_left_out_table(status))


def _classes_table(status: FolderStatus) -> str:
    parts = {"Training": status.class_counts, "Validation": status.val_counts, "Test": status.test_counts}
    own = {title: counts for title, counts in parts.items() if counts is not None}
    rows = [
        f'<tr><td class="lab-wrap">{escape(plain(name))}</td>{"".join(f"<td>{n:,}</td>" for n in numbers)}</tr>'
        for name, *numbers in zip(status.classes[:MOST_CLASSES], *own.values(), strict=False)
    ]
    more = len(status.classes) - MOST_CLASSES
    rows += [f'<tr><td colspan="{len(own) + 1}">and {more:,} more</td></tr>'] if more > 0 else []
    sums = "".join(f"<td>{sum(counts):,}</td>" for counts in own.values())
    head = "".join(f"<th>{title}</th>" for title in own)
    return (
        f'<div class="lab-scroll"><table class="lab-table"><thead><tr><th>Class</th>{head}</tr></thead>'
        f'<tbody>{"".join(rows)}<tr class="lab-total"><td>All</td>{sums}</tr></tbody></table></div>'
    )


def _left_out_table(status: FolderStatus) -> str:
    rows = "".join(
        f'<tr><td class="lab-wrap">{escape(plain(reason))}<br>'
        f'<span class="lab-muted">such as {escape(plain(example))}</span></td><td>{number:,}</td></tr>'
        for reason, number, example in status.left_out
    )
    return (
        f'<table class="lab-table"><thead><tr><th>Left out</th><th>Count</th></tr></thead><tbody>{rows}</tbody></table>'
    )
