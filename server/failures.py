"""Errors go to the log under an id; a visitor reads a calm sentence with that id, and no more."""

from __future__ import annotations

import logging
import secrets
import sys
from typing import Any

from streamlit.elements import exception as streamlit_exception

log = logging.getLogger("resnet_lab")
ADVICE = "Runs that train are not affected. Reload the page to try again; the server's log tells more under"


def log_failure(error: BaseException) -> str:
    """Writes the error with its traceback to the log; returns its id."""
    failure_id = secrets.token_hex(4)
    log.error("Failure %s", failure_id, exc_info=error)
    return failure_id


def set_up_log() -> None:
    """The lab's own lines go to the terminal, each with its time."""
    if log.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def keep_errors_inside() -> None:
    """Every error that Streamlit itself would send to a browser becomes the calm sentence.

    `on_script_error` sees what a page raises. A script that does not compile, or a message that cannot be handled,
    goes another way, and with its path; all ways end in this one function of Streamlit.
    """
    fill = streamlit_exception.marshall
    if getattr(fill, "is_calm", False):
        return

    def fill_calmly(proto: Any, exception: BaseException, width: Any = "stretch", **_: Any) -> None:
        failure_id = log_failure(exception)
        # Its own words would hold the cause; so would its type and its trace.
        fill(proto, RuntimeError(), width, apply_show_error_details=True)
        proto.ClearField("type")
        proto.ClearField("stack_trace")
        proto.message = f"This could not be shown. {ADVICE} {failure_id}."

    fill_calmly.is_calm = True  # type: ignore[attr-defined]
    streamlit_exception.marshall = fill_calmly  # type: ignore[assignment]
