"""The functions of `core.log`: one current run a process, as with Trackio and Weights & Biases."""

from __future__ import annotations

import atexit
import os
import secrets
import sys
import time

from core.log.values import Media, to_configuration, to_dict

TYPE_CHECKING = False  # `typing` and all that writes a run is loaded by `init`.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any

    from core.log.logger import LogRun

# What is there so that a script runs on, and does nothing; it is said once for each.
IGNORED = (
    "alert", "define_metric", "link_artifact", "log_artifact", "log_code", "log_cpu", "log_gpu", "log_system", "login",
    "mark_preempting", "restore", "save", "show", "sync", "unwatch", "use_artifact", "watch",
)  # fmt: skip
# Kinds of what is no number: each can be made and logged, and is counted as left out.
MEDIA = (
    "Artifact", "Audio", "File", "Graph", "Histogram", "Html", "Image", "Markdown", "Molecule", "Object3D", "Plotly",
    "Table", "Trace", "Video",
)  # fmt: skip
RESUMES = {None: "never", False: "never", True: "allow", "auto": "allow"}

_current: LogRun | None = None
_error: BaseException | None = None
_told: set[str] = set()


def init(
    project: str = "",
    name: str | None = None,
    *,
    config: Any = None,
    resume: str | bool | None = None,
    id: str | None = None,
    tags: Sequence[str] | None = None,
    notes: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    **others: Any,
) -> LogRun:
    """Starts a run, which `log` writes to; a run that was current is finished.

    `id`, or else `name`, says within a project which run `resume` ("allow", "must") goes on with. The project, the
    group and the kind of job become tags. With mode "disabled" nothing is kept. Other arguments of the two interfaces
    are named and ignored. Raises LogError, RunsFolderError.
    """
    from core.imports.values import ForeignRun
    from core.log.logger import LogError, LogRun
    from core.log.record import Record, find_run

    global _current, _error
    if _current:
        _current.finish()
    _watch_the_end()
    _error = None
    for other in sorted(name for name, value in others.items() if value is not None):
        _tell(f"init({other}=...) has no meaning here.")
    wanted = RESUMES.get(resume, resume)
    if wanted not in ("never", "allow", "must"):
        raise LogError(f"resume must be never, allow or must, not {str(resume)[:80]}.")
    if mode == "disabled":
        _current = LogRun(None, project, name or "", config)
        return _current
    key = f"{project}/{id or name or secrets.token_hex(4)}"
    found = find_run(key) if wanted != "never" and (id or name) else None
    if wanted == "must" and not found:
        raise LogError(f"There is no run {id or name or ''} in the project {project} to resume.")
    tags = [tags] if isinstance(tags, str) else tags or ()
    told = [str(tag) for tag in (project, group, job_type, *tags) if tag]
    about = ForeignRun(
        "script",
        key,
        str(name or id or ""),
        {},
        configuration=to_configuration(config),
        tags=tuple(dict.fromkeys(told)),
        note=str(notes or ""),
        started=time.time(),
    )
    record = Record.resume(found, about) if found else Record.create(about)
    _current = LogRun(record, project, record.run.about.name, {**record.about.configuration, **to_dict(config)})
    print(f"ResNet Lab: logging to run {record.id} in {record.folder.parent}", file=sys.stderr)
    return _current


def log(data: dict[str, Any], step: int | None = None, commit: bool | None = None, **others: Any) -> None:
    """Adds numbers to the current run, at the next step or a given one. Raises LogError."""
    global _error
    _error = None  # of an exit that did not come about
    _require_run("log").log(data, step, commit)


def finish(exit_code: int | None = None, **others: Any) -> None:
    """Ends the current run; without one it does nothing."""
    if _current:
        _current.finish(exit_code)


def look_up(name: str) -> Any:
    """`run`, `config` and `summary` of the current run, and what is there for a script to run on."""
    if name == "run":
        return None if _current is None or _current.is_over else _current
    if name in ("config", "summary"):
        return getattr(_require_run(name), name)
    if name in MEDIA:
        return globals().setdefault(name, type(name, (Media,), {}))
    if name in IGNORED:
        return lambda *_, **__: _tell(f"{name}() does nothing here.")
    raise AttributeError(f"core.log has no {name}; docs/LOGGING.md lists what it has.")


def _require_run(what: str) -> LogRun:
    if _current is None:
        from core.log.logger import LogError

        raise LogError(f"Call init() before {what}{'()' if what == 'log' else ''}.")
    return _current


def _tell(sentence: str) -> None:
    if sentence not in _told:
        _told.add(sentence)
        print(f"ResNet Lab: {sentence}", file=sys.stderr)


# The script's end ---------------------------------------------------------------------------------------------------


def _watch_the_end() -> None:
    """Once: how a script ends is how its run does, also by an exception or `sys.exit(1)` that nobody catches."""
    if "end" in _told:
        return
    _told.add("end")
    hook, leave = sys.excepthook, sys.exit

    def note_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        global _error
        _error = error
        hook(kind, error, trace)

    def note_exit(status: Any = None, /) -> None:
        global _error
        _error = SystemExit(status)
        leave(status)

    sys.excepthook, sys.exit = note_error, note_exit  # type: ignore[assignment]
    atexit.register(_end, os.getpid())


def _end(pid: int) -> None:
    if _current and os.getpid() == pid:
        _current.end_by(_error)
