"""Tells open pages at once when what they show has changed, so that they need not ask as often.

A page that is renewed registers a `Watch`: what to look at, and how soon after one word the next may come. Its browser
opens a socket for it, by an address that nobody can guess, and gets a word at every change. One look a turn serves all
pages that watch the same thing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from anyio import to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

ROUTE = "/lab/changes"
COMPONENT = "frame_changes"  # the key of the page's part that opens the socket
LOOK_SECONDS = 0.05
UNKNOWN = 4404  # the code of a socket whose page is gone


class Thing(NamedTuple):
    """What can change: `look` of the same `key` is the same for all; it is called in a thread and must be quick."""

    key: Hashable
    look: Callable[[], Any]


@dataclass(eq=False)
class Watch:
    """What a page watches, and how many seconds there are between two words to it."""

    thing: Thing
    gap: Callable[[], float] = lambda: 0.0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))


@dataclass(eq=False)
class _Listener:
    """An open socket, what was seen when it was last told, and when that was."""

    socket: WebSocket
    watch: Watch
    key: Hashable = None
    seen: Any = None
    told: float = 0.0

    def is_due(self, key: Hashable, found: Any) -> bool:
        """Whether there is something to tell: a change since the last word, of the same thing."""
        if self.key != key:
            self.key, self.seen = key, found
        return bool(found != self.seen) and time.monotonic() - self.told >= self.watch.gap()


_watches: WeakValueDictionary[str, Watch] = WeakValueDictionary()
_listeners: set[_Listener] = set()
_looking: asyncio.Task[None] | None = None


def register(watch: Watch) -> str:
    """The address of the socket, for as long as somebody holds the watch."""
    _watches[watch.token] = watch
    return f"{ROUTE}/{watch.token}"


async def tell_changes(socket: WebSocket) -> None:
    """One page, until it leaves."""
    global _looking
    watch = _watches.get(socket.path_params["token"])
    await socket.accept()
    if watch is None:
        await socket.close(UNKNOWN)
        return
    # What changed before that is shown by the page's next renewal of its own.
    listener = _Listener(socket, watch)
    _listeners.add(listener)
    if _looking is None or _looking.done():
        _looking = asyncio.create_task(_keep_looking())
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        _listeners.discard(listener)


async def _keep_looking() -> None:
    """For as long as a page listens."""
    while _listeners:
        # A page may turn to another thing at any time.
        listeners = [(listener, listener.watch.thing) for listener in _listeners]
        found = await to_thread.run_sync(_look_all, [thing for _, thing in listeners])
        for listener, (key, _) in listeners:
            now = found[key]
            if listener.is_due(key, now):
                listener.seen, listener.told = now, time.monotonic()
                await _send(listener)
        await asyncio.sleep(LOOK_SECONDS)


def _look_all(things: Iterable[Thing]) -> dict[Hashable, Any]:
    return {key: look() for key, look in dict(things).items()}


async def _send(listener: _Listener) -> None:
    try:
        await listener.socket.send_text("changed")
    except (WebSocketDisconnect, RuntimeError):  # it left meanwhile
        _listeners.discard(listener)
