"""The lab's own server for tests whose subject is its pages: its workers are forked (see `tests/forks.py`).

Not in `tests`, whose folder `core` would come before the lab's: Streamlit puts the folder of its script first.
"""

from pathlib import Path

import streamlit as st

import app as lab
from tests.forks import fork_workers

fork_workers()
lab.STANDBY.enable = lambda: None  # type: ignore[method-assign]  # none need wait with torch loaded

app = st.App(
    Path(lab.__file__).parent / "pages" / "main.py",
    lifespan=lab.serve,
    routes=lab.app._user_routes,
    middleware=lab.app._user_middleware,
    on_script_error=lab.show_failure,
)
