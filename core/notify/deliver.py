"""Sends a message by every channel that is set, with another try where the network was away, and within a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from core.notify import journal
from core.notify.mail import send_mail
from core.notify.messages import Message, make_test
from core.notify.settings import CHANNELS, NotifyError, Settings, read_settings
from core.notify.webhook import send_webhook
from core.system.errors import LabError

Send = Callable[[Message, Settings], None]
SENDERS: Mapping[str, Send] = {"webhook": send_webhook, "mail": send_mail}
PAUSES = (5.0, 15.0)  # seconds before the second and the third try
LIMIT = 60.0  # seconds for all tries


def deliver(message: Message, settings: Settings, pauses: Sequence[float] = PAUSES, limit: float = LIMIT) -> None:
    """Tells everybody who asked, by all channels at once; how each went is kept for the Lab page."""
    begun = time.monotonic()
    threads = {
        channel: threading.Thread(target=_deliver_by, args=(channel, message, settings, pauses), daemon=True)
        for channel in settings.channels
    }
    for thread in threads.values():
        thread.start()
    for channel, thread in threads.items():
        thread.join(max(0.0, begun + limit - time.monotonic()))
        if thread.is_alive():
            _note(channel, message, f"It took longer than {limit:.0f} seconds and was given up.")


def _deliver_by(channel: str, message: Message, settings: Settings, pauses: Sequence[float]) -> None:
    _note(channel, message, try_patiently(lambda: SENDERS[channel](message, settings), pauses))


def try_patiently(send: Callable[[], None], pauses: Sequence[float] = PAUSES) -> str:
    """Tries until it works, or another try would not help; what was wrong with the last, or nothing."""
    problem = ""
    for number, pause in enumerate((0.0, *pauses), start=1):
        time.sleep(pause)
        try:
            send()
        except NotifyError as error:
            problem = f"{error} (tried {number} times)" if number > 1 else str(error)
            if not error.passes:
                return problem
        except Exception as error:  # noqa: BLE001 - its own words may hold the address
            return f"Something went wrong that should not: {type(error).__name__}."
        else:
            return ""
    return problem


def _note(channel: str, message: Message, problem: str) -> None:
    with suppress(OSError, LabError):  # a full disk
        journal.note_outcome(channel, message.title, problem)


def try_channel(channel: str) -> None:
    """Sends a test by one channel, once; the answer to whoever pressed the button.

    Raises NotifyError. Called in a process of its own, which can be ended when it takes too long.
    """
    settings = read_settings()
    if channel not in settings.channels:
        raise NotifyError(f"No {CHANNELS.get(channel, channel).lower()} is set.")
    problem = try_patiently(lambda: SENDERS[channel](make_test(), settings), ())
    _note(channel, make_test(), problem)
    if problem:
        raise NotifyError(problem)
