"""The only code that touches `runs/`: makes runs, opens them, lists them."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.runs import layout, presence
from core.runs.folder import Run
from core.runs.records import About, End, Environment, ForeignRecord, RunNotFoundError
from core.runs.series import Series, to_block
from core.spec import RunSpec
from core.system import files
from core.system.folders import ID_PATTERN, runs_folder
from core.system.locks import RunsFolderError, hold, require_locks

CLICK_DAYS = 7.0
UNFINISHED_SECONDS = 3600.0  # far longer than making a run takes

Fill = Callable[[Path], None]


def ensure_folder() -> Path:
    """The runs folder, made if need be and known to have working locks. Raises RunsFolderError."""
    folder = runs_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        require_locks(folder)
    except OSError as error:
        raise RunsFolderError(f"The runs folder {folder} cannot be used: {error.strerror}.") from error
    return folder


def publish_run(spec: RunSpec, about: About, click_key: str = "", fill: Fill | None = None) -> tuple[str, bool]:
    """The id of the click's run, and whether this call made it. `fill` adds to its folder before anybody sees it."""
    folder = ensure_folder()
    try:
        if not click_key:
            return _publish(folder, _new_id(), spec, about, fill), True
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
            _publish(folder, run_id, spec, about, fill)
            _forget_old_clicks(clicks)
            return run_id, True
    except OSError as error:
        raise RunsFolderError(f"The run could not be written to {folder}: {error.strerror}.") from error


def _publish(folder: Path, run_id: str, spec: RunSpec, about: About, fill: Fill | None) -> str:
    """Builds the run in a temporary folder and publishes it by one rename, so that no reader sees half a run."""
    unfinished = folder / ".new"
    temporary = unfinished / f"{run_id}-{os.getpid()}"
    created = time.time()
    named = About(**{**about.__dict__, "name": about.name.strip() or run_id, "created": created})
    try:
        temporary.mkdir(parents=True)
        files.write_bytes(temporary / layout.SPEC, spec.model_dump_json(indent=1).encode() + b"\n")
        named.write(temporary / layout.ABOUT)
        if fill:
            fill(temporary)
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


def publish_foreign(
    record: ForeignRecord,
    about: About,
    series: Mapping[str, Series],
    rows: Iterable[dict[str, Any]] = (),
    *,
    end: End | None = None,
    environment: Environment | None = None,
) -> str:
    """Publishes a run that another tool logged and returns its id, which sorts by `about.created`.

    Without an end it is interrupted; unless an environment says that a process logs it, which then takes its lock.
    Raises RunsFolderError, SeriesError.
    """
    folder = ensure_folder()
    run_id = _new_id(about.created or None)
    temporary = folder / ".new" / f"{run_id}-{os.getpid()}"
    try:
        temporary.mkdir(parents=True)
        write_foreign(temporary, record, series, rows, end)
        replace(about, name=about.name.strip() or run_id, created=about.created or time.time()).write(
            temporary / layout.ABOUT
        )
        if environment is not None:
            files.write_json(temporary / layout.ENVIRONMENT, dict(environment))
            presence.mark_launch(temporary)
        return adopt_folder(temporary, run_id)
    except OSError as error:
        raise RunsFolderError(f"The run could not be written to {folder}: {error.strerror}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _forget_unfinished(folder / ".new")


def write_foreign(
    folder: Path,
    record: ForeignRecord,
    series: Mapping[str, Series],
    rows: Iterable[dict[str, Any]],
    end: End | None,
) -> None:
    """Writes the files of such a run, each in one step: anew, or over those of an earlier import. Raises OSError."""
    files.write_bytes(folder / layout.SERIES, b"".join(to_block(name, points) for name, points in series.items()))
    files.write_bytes(folder / layout.METRICS, b"".join(map(files.to_line, rows)))
    files.write_json(folder / layout.FOREIGN, dict(record))
    if end is None:
        (folder / layout.END).unlink(missing_ok=True)
    else:
        files.write_json(folder / layout.END, dict(end))


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


def _new_id(moment: float | None = None) -> str:
    now = datetime.now(UTC) if moment is None else datetime.fromtimestamp(moment, UTC)
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
