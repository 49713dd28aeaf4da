"""What a worker calls when something has happened: it notes who is to be told, and leaves the sending to a process.

The worker waits for nobody: the process is small, outlives it, and ends within a minute. Whatever goes wrong here is a
line of the log, and no run's or study's business.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path

from core.notify.events import EVENT_OF_STATE, is_wanted, settings_path
from core.runs import layout
from core.runs.ends import log
from core.system import files
from core.system.errors import LabError

TYPE_CHECKING = False  # A worker that waited in the queue imports this module.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ParamSpec

    from core.notify.messages import Message

    P = ParamSpec("P")


def _quietly(announce: Callable[P, None]) -> Callable[P, None]:
    @functools.wraps(announce)
    def try_to(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            announce(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - nobody is told, and all else goes on
            # Without its text, which may hold what was to be sent, or where to.
            log(f"Nobody could be told of this: {type(error).__name__}.")

    return try_to


@_quietly
def announce_end(folder: Path, *, is_trial: bool = False) -> None:
    """Tells of a run's end, once it is written and the run's lock is free; and of a test figure that was beaten."""
    end = files.find_note(folder / layout.END) or {}
    is_trial = is_trial or _is_of_study(folder)
    event = EVENT_OF_STATE.get(str(end.get("state")))
    if event and is_wanted(event, is_trial=is_trial):
        from core.notify.runs import describe_end

        _tell(describe_end(folder, event))
    figures = end.get("metrics")
    if isinstance(figures, dict) and figures:
        announce_figures(folder, figures, is_trial=is_trial)


@_quietly
def announce_figures(folder: Path, figures: Mapping[str, Any], *, is_trial: bool = False) -> None:
    """Tells of each figure that was named and is beaten by these: of each once a run."""
    if not settings_path().exists() or not is_wanted("figure", is_trial=is_trial):
        return
    from core.notify.runs import describe_beaten

    for message in describe_beaten(folder, figures):
        _tell(message)


@_quietly
def announce_given_up(folder: Path, why: str, *, is_trial: bool = False) -> None:
    """Tells that the doctor has given a run up, once a run."""
    if not is_wanted("given_up", is_trial=is_trial or _is_of_study(folder)):
        return
    from core.notify.runs import describe_given_up

    if message := describe_given_up(folder, why):
        _tell(message)


@_quietly
def announce_crash(folder: Path) -> None:
    """Tells of a run whose process is gone without an end, if somebody saw it go: its launcher."""
    if not folder.is_dir() or (folder / layout.END).exists():
        return
    from core.notify.runs import describe_crash

    message = describe_crash(folder)
    if message and is_wanted(message.event, is_trial=_is_of_study(folder)):
        _tell(message)


def _is_of_study(folder: Path) -> bool:
    """Whether the run was a trial of a study, which may be tested or resumed on its own later."""
    tags = (files.find_note(folder / layout.ABOUT) or {}).get("tags")
    return isinstance(tags, list) and any(str(tag).startswith("study:") for tag in tags)


@_quietly
def announce(message: Message) -> None:
    """Tells of anything else, if it is asked for."""
    if is_wanted(message.event):
        _tell(message)


def _tell(message: Message) -> None:
    """Notes it for open pages, and starts the process that sends it where a channel is set."""
    from core.notify.journal import note_message
    from core.notify.settings import read_settings

    with suppress(OSError, LabError):  # a full disk keeps it from open pages alone
        note_message(message)
    if read_settings().channels:
        _start(message)


def _start(message: Message) -> None:
    import json
    import os
    import subprocess

    from core.system.child import reap, spawn
    from core.system.folders import PROJECT

    nothing = subprocess.DEVNULL
    sender = spawn(["core.notify"], os.environ, cwd=PROJECT, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing)
    assert sender.stdin
    with sender.stdin as pipe:  # far smaller than what a pipe holds, so that nothing waits here
        pipe.write(json.dumps(message.to_json()).encode())
    reap(sender, lambda process, status: None)
