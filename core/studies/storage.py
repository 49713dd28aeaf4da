"""Where Optuna keeps the studies: SQLite in `runs/` by default, any SQLAlchemy URL by RESNET_LAB_STORAGE.

A database that is locked or away for a while fails no trial: every question is asked again until it answers.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import ArgumentError, InterfaceError, NoSuchModuleError, OperationalError

from core.system import processes
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.system.locks import FileLock, RunsFolderError, hold

HEARTBEAT_SECONDS = 15
# Long enough for a locked database or a suspended machine; on this machine a worker's lock shows at once that it died.
GRACE_SECONDS = 180
SQLITE_SECONDS = 60.0
WORKER_PATIENCE = 600.0
PAGE_PATIENCE = 1.0

DATABASE = "studies.db"

Answer = TypeVar("Answer")
StaleCallback = Callable[[optuna.Study, FrozenTrial], None]


class StudyError(LabError):
    """What was asked of a study cannot be done."""


class StorageError(StudyError):
    """The storage does not answer; it may again in a moment."""


def storage_url() -> str:
    """The URL of the storage, with its password."""
    if chosen := os.environ.get("RESNET_LAB_STORAGE", "").strip():
        return chosen
    url = sqlalchemy.URL.create("sqlite", database=str(runs_folder() / DATABASE))
    return url.render_as_string(hide_password=False)


def shown_url() -> str:
    """The URL of the storage as a page may show it."""
    try:
        return sqlalchemy.make_url(storage_url()).render_as_string()
    except ArgumentError:
        return "RESNET_LAB_STORAGE"


def is_made() -> bool:
    """False while the lab's own database is no file yet: a question to it would make it."""
    own = runs_folder() / DATABASE
    try:
        url = sqlalchemy.make_url(storage_url())
    except ArgumentError:
        return True  # whoever opens it says what is wrong
    return url.get_backend_name() != "sqlite" or url.database != str(own) or own.exists()


def folder_of(name: str) -> Path:
    """Where a study keeps what is not Optuna's; the name's own characters are no part of the path."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30]
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return runs_folder() / ".studies" / f"{readable or 'study'}-{digest}"


def _passes(error: BaseException | None) -> bool:
    """Whether an error may pass by itself: a lock that is held, or a server that is away."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError):
            local = "sqlite" in type(error.orig).__module__
            return not local or any(word in str(error.orig) for word in ("locked", "busy"))
        error = error.__cause__ or error.__context__
    return False


def _patient(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """The storage's method, asked again while its error is one that passes."""

    @functools.wraps(method)
    def ask(self: PatientStorage, *args: Any, **kwargs: Any) -> Answer:
        end, pause, asked = time.monotonic() + self.patience, 0.05, 0
        while True:
            asked += 1
            try:
                return method(self, *args, **kwargs)
            except UpdateFinishedTrialError:
                # The answer to the first question may have been lost after it was carried out.
                if asked > 1 and method.__name__ == "set_trial_state_values" and self._has_state(*args, **kwargs):
                    return True  # type: ignore[return-value]
                raise
            except (StorageInternalError, OperationalError, InterfaceError) as error:
                if not _passes(error) or time.monotonic() > end:
                    raise
                self.remove_session()
                time.sleep(pause)
                pause = min(1.0, 2 * pause)

    return ask


class PatientStorage(RDBStorage):
    """Optuna's storage for a database, which retries instead of giving up."""

    patience = PAGE_PATIENCE

    def _has_state(self, trial_id: int, state: TrialState, values: Any = None) -> bool:
        return bool(self.get_trial(trial_id).state == state)

    def record_heartbeat(self, trial_id: int) -> None:
        """Notes that a trial's worker lives. A lost heartbeat does no harm; its thread must go on."""
        try:
            super().record_heartbeat(trial_id)
        except (StorageInternalError, OperationalError, InterfaceError):
            self.remove_session()

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """Without those of this machine: their workers' locks tell which are alive, even after the machine slept."""
        stale = super()._get_stale_trial_ids(study_id)
        return [trial_id for trial_id in stale if not is_local(self.get_trial(trial_id))]


# The methods that Optuna's cache, samplers and workers call on the database.
for _name in (
    "create_new_study",
    "delete_study",
    "get_all_studies",
    "get_study_directions",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_system_attrs",
    "get_study_user_attrs",
    "get_trial",
    "get_trial_id_from_study_id_trial_number",
    "set_study_system_attr",
    "set_study_user_attr",
    "set_trial_intermediate_value",
    "set_trial_state_values",
    "set_trial_system_attr",
    "set_trial_user_attr",
    "get_trial_param",
    "get_trial_system_attrs",
    "get_trial_user_attrs",
    "_create_new_trial",
    "_get_best_trial_id",
    "_get_stale_trial_ids",
    "_get_trials",
    "_set_trial_param",
):
    setattr(PatientStorage, _name, _patient(getattr(PatientStorage, _name)))


def is_local(trial: FrozenTrial) -> bool:
    """Whether a trial's worker is, or was, a process of this machine."""
    return (trial.user_attrs.get("worker") or {}).get("host") == processes.host_name()


_open: dict[tuple[str, float, int, int], BaseStorage] = {}
_seen: WeakKeyDictionary[BaseStorage, dict[int, Any]] = WeakKeyDictionary()
_opening = threading.Lock()


def open_storage(patience: float = PAGE_PATIENCE, on_stale: StaleCallback | None = None) -> BaseStorage:
    """The storage, opened once a process; its cache of finished trials makes later questions cheap.

    Raises StudyError if it cannot be used, StorageError if it may be in a moment.
    """
    url = storage_url()
    with _opening:
        key = (url, patience, os.getpid(), _file_number(url))
        if key not in _open:
            storage = _connect(url, patience, on_stale)
            _open[(url, patience, os.getpid(), _file_number(url))] = storage
            return storage
        return _open[key]


def reopen_if_reused(storage: BaseStorage, created: Mapping[int, Any]) -> BaseStorage:
    """The storage, opened anew if the number of a study that it has shown now belongs to another study.

    SQLite gives the next study the number of one that was deleted. If another process did both, Optuna's cache here
    still holds the trials of the first. `created` tells for each number when its study was made.
    """
    with _opening:
        seen = _seen.setdefault(storage, {})
        if all(seen.setdefault(number, moment) == moment for number, moment in created.items()):
            return storage
        for key in [key for key, opened in _open.items() if opened is storage]:
            del _open[key]
    return open_storage()


def _file_number(url: str) -> int:
    """Changes when another file replaces the database's."""
    try:
        return os.stat(sqlalchemy.make_url(url).database or "").st_ino if url.startswith("sqlite") else 0
    except (OSError, ArgumentError):
        return 0


def _connect(url: str, patience: float, on_stale: StaleCallback | None) -> BaseStorage:
    local = url.startswith("sqlite")
    options: dict[str, Any] = {"connect_args": {"timeout": min(SQLITE_SECONDS, max(10.0, patience))}} if local else {}
    if url.startswith("postgresql"):
        options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    end = time.monotonic() + patience
    while True:
        try:
            # Two processes must not make the tables at the same moment.
            runs_folder().mkdir(parents=True, exist_ok=True)
            with hold(runs_folder() / ".studies.lock", 60), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # heartbeats are called experimental
                storage = PatientStorage(
                    url.replace("{", "{{").replace("}", "}}"),
                    engine_kwargs=options,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                    heartbeat_stale_trial_callback=on_stale,
                )
            storage.patience = patience
            return get_storage(storage)
        except Exception as error:
            if not _passes(error) or time.monotonic() > end:
                raise explain(error) from error
            time.sleep(0.5)


def explain(error: Exception) -> StudyError:
    """A failed question to the storage, with its reason as a sentence."""
    return (StorageError if _passes(error) else StudyError)(describe_trouble(error))


def _describe(error: Exception) -> str:
    """Why the storage cannot be used, without its password."""
    where = f"The studies' storage {shown_url()} cannot be used"
    match error:
        case NoSuchModuleError():
            return f"{where}: SQLAlchemy knows no such database."
        case ArgumentError():
            return "RESNET_LAB_STORAGE is no URL of a database. Write it as postgresql+psycopg://user@host/name."
        case ImportError():
            return f"{where}: its driver is not installed."
        case RunsFolderError():
            return str(error)
        case OperationalError() | InterfaceError() if "locked" in str(error.orig):
            return f"{where}: another program has locked it. Try again in a moment."
        case OperationalError() | InterfaceError():
            return f"{where}: {_first_line(error.orig)}"
        case OSError():
            return f"{where}: {error.strerror}."
    return f"{where}: {_first_line(error)}"


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def describe_trouble(error: Exception) -> str:
    """A failed question to the storage, as a sentence."""
    inner: BaseException = error
    while not isinstance(inner, OperationalError | InterfaceError) and (inner.__cause__ or inner.__context__):
        inner = inner.__cause__ or inner.__context__  # type: ignore[assignment]
    return _describe(inner if isinstance(inner, Exception) else error)


class AskLock:
    """Held by the one worker that counts the trials and begins the next; of all machines if they share a
    PostgreSQL server."""

    def __init__(self, name: str, storage: BaseStorage) -> None:
        self._file = FileLock(folder_of(name) / "ask.lock")
        self._engine: sqlalchemy.Engine = storage._backend.engine  # type: ignore[attr-defined]
        self._connection: sqlalchemy.Connection | None = None
        digest = hashlib.sha256(f"resnet-lab {name}".encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)

    def try_acquire(self) -> bool:
        """Whether the lock is now held. Raises OperationalError if the server is away."""
        if not self._file.try_acquire():
            return False
        try:
            if self._engine.dialect.name == "postgresql" and not self._ask("pg_try_advisory_lock"):
                self._file.release()
                return False
        except BaseException:
            self._file.release()
            raise
        return True

    def _ask(self, function: str) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            statement = sqlalchemy.text(f"SELECT {function}(:key)")
            return bool(self._connection.execute(statement, {"key": self._key}).scalar())
        except (OperationalError, InterfaceError):
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            raise

    def release(self) -> None:
        """Releases the lock; a server that is away has released it by itself."""
        try:
            if self._connection is not None:
                self._ask("pg_advisory_unlock")
        except (OperationalError, InterfaceError):
            pass
        finally:
            self._file.release()
