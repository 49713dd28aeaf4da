"""The newest messages, for pages that are open in a browser, and how the last one of each channel went."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.notify.events import notify_folder
from core.notify.messages import Message
from core.system import files
from core.system.locks import hold

RECENT, OUTCOMES = "recent.json", "outcomes.json"
MAX_RECENT = 100
LOCK_SECONDS = 5.0  # it is held for a moment; a training must not wait for long


@dataclass(frozen=True)
class Outcome:
    """How the last message of a channel went: when, and what was wrong, or nothing."""

    time: float
    title: str
    problem: str = ""


def note_message(message: Message) -> None:
    """Adds a message to the newest. Raises OSError, RunsFolderError."""
    notify_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold(notify_folder() / ".lock", LOCK_SECONDS):
        recent = [*_read_recent(), message.to_json()][-MAX_RECENT:]
        # In the order of their times: a reader asks for those after the last that it has seen.
        files.write_json(notify_folder() / RECENT, {"messages": recent}, sync=False)


def _read_recent() -> list[dict[str, Any]]:
    noted = (files.find_note(notify_folder() / RECENT) or {}).get("messages")
    return [entry for entry in noted if isinstance(entry, dict)] if isinstance(noted, list) else []


_known: tuple[tuple[str, int, int, int], list[Message]] = (("", 0, 0, 0), [])


def read_messages(since: float) -> list[Message]:
    """The messages after a moment, the oldest first; the file is only read where it has changed."""
    global _known
    path = notify_folder() / RECENT
    try:
        found = os.stat(path)
    except OSError:
        return []
    # Two messages may come within one tick of the file system's clock; each writes another file of this name.
    key = (str(path), found.st_mtime_ns, found.st_ino, found.st_size)
    if _known[0] != key:
        messages = []
        for entry in _read_recent():
            with suppress(TypeError, AttributeError):  # of another version
                messages.append(Message.from_json(entry))
        _known = (key, messages)
    return [message for message in _known[1] if message.time > since]


def note_outcome(channel: str, title: str, problem: str) -> None:
    """Keeps how a message of a channel went. Raises OSError, RunsFolderError."""
    notify_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = notify_folder() / OUTCOMES
    with hold(notify_folder() / ".lock", LOCK_SECONDS):
        noted = files.find_note(path) or {}
        files.write_json(path, {**noted, channel: {"time": time.time(), "title": title, "problem": problem}})


def read_outcomes() -> dict[str, Outcome]:
    """The last outcome of each channel that was ever used."""
    found = {}
    for channel, noted in (files.find_note(notify_folder() / OUTCOMES) or {}).items():
        with suppress(TypeError, ValueError, KeyError):
            found[channel] = Outcome(float(noted["time"]), str(noted["title"]), str(noted["problem"]))
    return found
