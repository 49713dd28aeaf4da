"""Studies: let Optuna search around a network, watch it, and see what it learnt."""

from __future__ import annotations

import streamlit as st

from core.studies.storage import StudyError
from pages.parts.frame.assets import show_style
from pages.parts.studies.away import show_trouble
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
    show_trouble(error)
