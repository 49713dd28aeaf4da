"""Files that wait to be fetched: beside the runs, each in a folder whose name nobody can guess.

A browser fetches them from the disk through a route of the server, so the page's process never holds one in memory.
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from core.runs.store import ensure_folder
from core.system.folders import runs_folder

KEPT_SECONDS = 3600.0
ROUTE = "/lab/take"
_FOLDER = ".outbox"
_TOKEN = re.compile(r"[0-9a-f]{32}")


def make_folder() -> Path:
    """An empty folder for one file; removes those older than an hour. Raises RunsFolderError, OSError."""
    outbox = ensure_folder() / _FOLDER
    outbox.mkdir(mode=0o700, exist_ok=True)
    for path in outbox.iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
    folder = outbox / secrets.token_hex(16)
    folder.mkdir(mode=0o700)
    return folder


def address_of(file: Path) -> str:
    """Where a browser fetches the file."""
    return f"{ROUTE}/{file.parent.name}/{file.name}"


def find_file(token: str) -> Path | None:
    """The file of an address; None if it is gone, or never was."""
    if not _TOKEN.fullmatch(token):
        return None
    folder = runs_folder() / _FOLDER / token
    return next((path for path in folder.glob("*") if path.is_file()), None) if folder.is_dir() else None
