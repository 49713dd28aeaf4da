"""The lab's own server for tests whose subject is its pages: its workers are forked (see `tests/forks.py`).

Not in `tests`, whose folder `core` would come before the lab's: Streamlit puts the folder of its script first.
"""

from pathlib import Path

import streamlit as st

import app as lab
from core.launch import launcher
from core.studies import manage
from tests.forks import start_forked

launcher.start_process = manage.start_process = start_forked
lab.SPARE.enable = lambda: None  # type: ignore[method-assign]  # none need wait with torch loaded

app = st.App(
    Path(lab.__file__).parent / "pages" / "main.py",
    lifespan=lab.serve,
    routes=lab.app._user_routes,
    middleware=lab.app._user_middleware,
    on_script_error=lab.show_failure,
)
