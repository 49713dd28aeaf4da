"""What people can ask to be told, and whether they did. Small: a worker that waited in the queue imports it."""

from __future__ import annotations

from pathlib import Path

from core.system import files
from core.system.folders import runs_folder

TYPE_CHECKING = False  # `typing` would cost such a worker memory.
if TYPE_CHECKING:
    from collections.abc import Mapping

# What a message can be about, as a form words it; to add one is to send a message with its name.
EVENTS: Mapping[str, str] = {
    "finished": "Finished",
    "failed": "Failed or interrupted",
    "stopped": "Stopped or pruned",
    "given_up": "Given up by the doctor",
    "figure": "Beat a figure",
}
DEFAULT_EVENTS = ("finished", "failed", "given_up", "figure")  # the last only where a figure is named
EVENT_OF_STATE: Mapping[str, str] = {
    "finished": "finished",
    "failed": "failed",
    "interrupted": "failed",
    "stopped": "stopped",
    "pruned": "stopped",
}


def notify_folder() -> Path:
    """Where settings, recent messages and outcomes are kept: beside the runs, in none of them."""
    return runs_folder() / ".notify"


def settings_path() -> Path:
    return notify_folder() / "settings.json"


def is_wanted(event: str, *, is_trial: bool = False) -> bool:
    """Whether anybody asked to be told of it; a study's trials are told only where that is asked for too.

    Raises DamagedFileError.
    """
    noted = files.find_json(settings_path()) or {}
    events = noted.get("events", DEFAULT_EVENTS)
    return isinstance(events, list | tuple) and event in events and (not is_trial or noted.get("trials") is True)
