"""From a study's definition to Build and back: its network is edited there, and nothing else of the study is lost."""

from __future__ import annotations

import streamlit as st

from core.spec.link import to_link
from pages.parts.build.draft import open_draft
from pages.parts.studies.draft import StudyDraft, open_study_draft

_EDITED = "studies.edited_on_build"


def leave_for_build(draft: StudyDraft) -> None:
    """Opens Build with the study's network."""
    st.session_state[_EDITED] = True
    base = draft.good.base if draft.good else draft.base
    st.switch_page("build.py", query_params={"spec": to_link(base)})


def show_return() -> None:
    """On Build, the way back into the study whose network is edited there; nothing where there is none."""
    if not st.session_state.get(_EDITED):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="study_return"):
        st.html('<p class="lab-muted lab-small" style="margin:0">This is the network of a study.</p>', width="content")
        if st.button("Use it in the study", icon=":material/science:", type="primary", key="study.take"):
            st.session_state[_EDITED] = False
            open_study_draft().rebase(open_draft().good, "draft")
            # The definition packs itself into the address once it is shown.
            st.switch_page("studies.py", query_params={"new": "draft"})
        if st.button("Leave the study as it is", type="tertiary", key="study.keep"):
            st.session_state[_EDITED] = False
            open_study_draft().touched = True
            st.switch_page("studies.py", query_params={"new": "draft"})
