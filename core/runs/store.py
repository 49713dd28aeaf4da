"""The only code that touches `runs/`: makes runs, opens them, lists them."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from core.runs import layout, presence
from core.runs.folder import Run
from core.runs.records import About, RunNotFoundError
from core.spec import RunSpec
from core.system import files
from core.system.folders import ID_PATTERN, runs_folder
from core.system.locks import RunsFolderError, hold, require_locks

CLICK_DAYS = 7.0
UNFINISHED_SECONDS = 3600.0  # far longer than making a run takes


def ensure_folder() -> Path:
    """The runs folder, made if need be and known to have working locks. Raises RunsFolderError."""
    folder = runs_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        require_locks(folder)
    except OSError as error:
        raise RunsFolderError(f"The runs folder {folder} cannot be used: {error.strerror}.") from error
    return folder


def publish_run(spec: RunSpec, about: About, click_key: str = "") -> tuple[str, bool]:
    """The id of the click's run, and whether this call made it."""
    folder = ensure_folder()
    try:
        if not click_key:
            return _publish(folder, _new_id(), spec, about), True
        clicks = folder / ".clicks"
        clicks.mkdir(exist_ok=True)
        # The key is text from outside: only its hash becomes part of a path.
        click = clicks / hashlib.sha256(click_key.encode()).hexdigest()
        with hold(clicks / ".lock"):
            known = _read_click(click)
            if known and (folder / known).exists():
                return known, False
            # The id is noted first: a process that finds it without its run makes exactly that run.
            run_id = known or _new_id()
            files.write_bytes(click, run_id.encode())
            _publish(folder, run_id, spec, about)
            _forget_old_clicks(clicks)
            return run_id, True
    except OSError as error:
        raise RunsFolderError(f"The run could not be written to {folder}: {error.strerror}.") from error


def _publish(folder: Path, run_id: str, spec: RunSpec, about: About) -> str:
    """Builds the run in a temporary folder and publishes it by one rename, so that no reader sees half a run."""
    unfinished = folder / ".new"
    temporary = unfinished / f"{run_id}-{os.getpid()}"
    created = time.time()
    named = About(**{**about.__dict__, "name": about.name.strip() or run_id, "created": created})
    try:
        temporary.mkdir(parents=True)
        files.write_bytes(temporary / layout.SPEC, spec.model_dump_json(indent=1).encode() + b"\n")
        named.write(temporary / layout.ABOUT)
        presence.mark_launch(temporary)
        os.rename(temporary, folder / run_id)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    files.sync_folder(folder)
    _forget_unfinished(unfinished)
    return run_id


def _forget_unfinished(folder: Path) -> None:
    """Removes what processes left that died while making a run."""
    oldest = time.time() - UNFINISHED_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process makes its run there, or removes the same
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)


def adopt_folder(temporary: Path, wanted: str) -> str:
    """Publishes a whole run that was built in a temporary folder of the runs folder, by one rename; returns its id.

    That is the one wanted, or a new one if it is taken. Raises OSError.
    """
    folder, run_id = ensure_folder(), wanted
    # An empty folder would be replaced by the rename.
    while (folder / run_id).exists() or not _rename(temporary, folder / run_id):
        run_id = _new_id()
    files.sync_folder(folder)
    return run_id


def _rename(temporary: Path, path: Path) -> bool:
    """False if another process has just taken the name."""
    try:
        os.rename(temporary, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _new_id() -> str:
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}-{secrets.token_hex(3)}"


def _read_click(path: Path) -> str | None:
    try:
        text = path.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if ID_PATTERN.fullmatch(text) else None


def _forget_old_clicks(clicks: Path) -> None:
    oldest = time.time() - CLICK_DAYS * 86_400
    for path in clicks.iterdir():
        if not path.name.startswith(".") and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def open_run(run_id: str) -> Run:
    """The run of this id. Raises RunNotFoundError; an id is looked at as text before it becomes part of a path."""
    if not isinstance(run_id, str) or not ID_PATTERN.fullmatch(run_id):
        raise RunNotFoundError("There is no such run.")
    path = runs_folder() / run_id
    if path.is_symlink() or not path.is_dir():
        raise RunNotFoundError(f"There is no run {run_id}.")
    return Run(path)
