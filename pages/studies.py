"""Studies: let Optuna search around a network, watch it, and see what it learnt."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.studies.manage import StudyError, shown_url
from pages.parts.study_define import show_definition
from pages.parts.study_list import show_all
from pages.parts.study_live import show_study
from pages.parts.style import show_alert

STYLE = (Path(__file__).parent / "parts" / "study.css").read_text(encoding="utf-8")

st.html(f"<style>{STYLE}</style>")
try:
    if "name" in st.query_params:
        show_study(st.query_params["name"])
    elif "new" in st.query_params:
        show_definition()
    else:
        show_all()
except StudyError as error:
    # Of all pages only this one needs the storage, so it says what is wrong with it, and where.
    show_alert(str(error))
    st.caption(f"Studies are kept in {shown_url()}. Runs do not need it and are not affected.")
