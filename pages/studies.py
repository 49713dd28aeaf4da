"""Studies: let Optuna search around a network, watch it, and see what it learnt."""

from __future__ import annotations

import streamlit as st

from core.studies.storage import StudyError, shown_url
from pages.parts.frame.assets import show_style
from pages.parts.frame.style import show_alert
from pages.parts.studies.define import show_definition
from pages.parts.studies.list import show_all
from pages.parts.studies.live import show_study

show_style(__file__)
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
