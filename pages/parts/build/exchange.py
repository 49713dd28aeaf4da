"""A spec in and out of the Build page: as JSON to download, paste or upload, and as a link."""

from __future__ import annotations

import hashlib

import streamlit as st

from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.parse import MAX_SPEC_BYTES, FieldProblem, SpecError, parse_spec
from core.text.formats import format_bytes, format_count
from core.text.safe import name_stem
from core.text.words import count_of
from pages.parts.build.draft import NAME_KEY, Draft, link_of
from pages.parts.frame.numbers import say
from pages.parts.frame.style import show_problem

PASTED_KEY, UPLOAD_KEY, PROBLEMS_KEY = "build.pasted", "build.upload", "build.import_problems"
TAKEN_KEY = "build.imported"


def show_export(draft: Draft) -> None:
    """The last good spec as a link and as a file."""
    with st.popover("Share", icon=":material/ios_share:", key="share"), st.container(width=380):
        st.html('<p class="lab-title">Link to this spec</p>')
        st.code(link_of(draft.good), language=None, wrap_lines=True, height=96)
        text = draft.good.model_dump_json(indent=2)
        # The hash in the name keeps two specs of one size apart for Streamlit's media store.
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        st.download_button(
            "Download JSON",
            text,
            file_name=f"{name_spec(st.session_state.get(NAME_KEY, ''))}-{digest}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )


def name_spec(run_name: str) -> str:
    """What the file of a spec is called: by the run that it is for, where that has a name."""
    stem = name_stem(run_name)
    return f"{stem}-spec" if stem else "spec"


def show_import(draft: Draft) -> None:
    """Takes a spec in; one that cannot be used says why and leaves the form as it is."""
    if taken := st.session_state.pop(TAKEN_KEY, ""):
        st.toast(taken, icon=":material/check:")
    with st.popover("Import", icon=":material/upload_file:", key="import"):
        st.text_area("Spec as JSON", key=PASTED_KEY, height=160, placeholder='{"model": {"stem_channels": 16}}')
        st.button("Use this spec", key="use_spec", type="primary", on_click=_take, args=(draft, PASTED_KEY))
        st.file_uploader(
            "or a file", type="json", key=UPLOAD_KEY, on_change=_take, args=(draft, UPLOAD_KEY), max_upload_size=1
        )
        st.caption(f"At most {format_bytes(MAX_SPEC_BYTES)}. Missing fields get their defaults.")
        for sentence in st.session_state.get(PROBLEMS_KEY, []):
            show_problem(sentence)


def describe_spec(spec: RunSpec) -> str:
    """In our own words only: a toast reads Markdown."""
    layers, parameters = count_of(len(spec.model.layers), "block layer"), format_count(cost_of(spec).parameters)
    return f"{layers}, {parameters} parameters, {count_of(spec.train.epochs, 'epoch')}"


def _take(draft: Draft, key: str) -> None:
    given = st.session_state[key]
    if given is None:
        return  # the upload was removed
    st.session_state[PROBLEMS_KEY] = []
    try:
        spec = parse_spec(given if isinstance(given, str) else given.getvalue())
        draft.replace(spec)
        st.session_state[TAKEN_KEY] = f"The form holds the imported spec: {describe_spec(spec)}."
    except SpecError as error:
        st.session_state[PROBLEMS_KEY] = [_tell_problem(each) for each in error.problems]


def _tell_problem(problem: FieldProblem) -> str:
    """What is wrong with the whole spec has its subject already."""
    if problem.path:
        return say(problem.path, problem.message)
    return f"{problem.message[0].upper()}{problem.message[1:].removesuffix('.')}."
