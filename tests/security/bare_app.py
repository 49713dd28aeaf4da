"""The control of the doors: the same pages and routes with no guard before them."""

from pathlib import Path

import streamlit as st
from starlette.routing import Route

from app import PLOTLY_PATH, serve_plotly, tell_health

app = st.App(
    Path(__file__).parents[2] / "pages" / "main.py",
    routes=[Route(PLOTLY_PATH, serve_plotly), Route("/lab/health", tell_health)],
)
