"""Many open pages at once, as browsers keep them: each runs its page, then its fragments when their time has come."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.lab_server import LabServer

T = TypeVar("T")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` in a loop and a thread of its own: after a test in Chromium, Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Timings:
    """What all sessions saw: seconds from asking for a rerun to its end, and what went wrong."""

    page_runs: list[float] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    received: int = 0  # bytes

    def p95(self) -> float:
        ordered = sorted(self.ticks)
        return ordered[int(0.95 * len(ordered))]


@dataclass(frozen=True)
class Timer:
    """A fragment that runs again and again, as `run_every` says."""

    fragment: str
    interval: float
    task: asyncio.Task[None]


class Session:
    """One tab: what Streamlit's browser side does with timers and reruns, without the drawing."""

    def __init__(self, socket: ClientConnection, page: str, query: str, timings: Timings) -> None:
        self.socket, self.page, self.query, self.timings = socket, page, query, timings
        self.page_hash = ""  # known once the page has told which it is; the first time it is asked for by its name
        self.timers: dict[str, Timer] = {}
        self.asked: dict[str, float] = {}  # "" is the whole page
        self.paused = False
        self.begun = asyncio.Event()

    async def ask(self, fragment: str = "") -> None:
        message = BackMsg()
        message.rerun_script.page_name = self.page
        message.rerun_script.page_script_hash = self.page_hash
        message.rerun_script.query_string = self.query
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = bool(fragment)
        # The server joins a tick to the one before, if that still waits: its page has waited since then.
        self.asked.setdefault(fragment, time.perf_counter())
        await self.socket.send(message.SerializeToString())

    async def tick(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            if not self.paused:
                await self.ask(fragment)

    async def live(self) -> None:
        """Until it is cancelled."""
        await self.ask()
        try:
            async for frame in self.socket:
                assert isinstance(frame, bytes)
                self.timings.received += len(frame)
                self.hear(ForwardMsg.FromString(frame))
        finally:
            self.stop_timers(list(self.timers))

    def hear(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "navigation":
                self.page_hash = message.navigation.page_script_hash
            case "new_session":
                if not message.metadata.run.fragment_ids:
                    self.stop_timers(list(self.timers))
            case "auto_rerun":
                told = message.auto_rerun
                if told.fragment_id not in self.timers:
                    task = asyncio.create_task(self.tick(told.fragment_id, told.interval))
                    self.timers[told.fragment_id] = Timer(told.fragment_id, told.interval, task)
            case "stop_auto_rerun":
                self.stop_timers(list(message.stop_auto_rerun.fragment_ids))
            case "delta" if message.delta.new_element.WhichOneof("type") == "exception":
                self.timings.troubles[message.delta.new_element.exception.message] += 1
            case "session_event" if message.session_event.WhichOneof("type") == "script_compilation_exception":
                self.timings.troubles["the page does not compile"] += 1
            case "script_finished" if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.finish(list(message.metadata.run.fragment_ids) or [""])

    def finish(self, fragments: list[str]) -> None:
        now = time.perf_counter()
        for fragment in fragments:
            if fragment in self.asked:
                seconds = now - self.asked.pop(fragment)
                (self.timings.ticks if fragment else self.timings.page_runs).append(seconds)
        self.begun.set()

    def stop_timers(self, fragments: list[str]) -> None:
        for fragment in fragments:
            if timer := self.timers.pop(fragment, None):
                timer.task.cancel()
            self.asked.pop(fragment, None)


class Crowd:
    """So many sessions of one server; open for a `with` block."""

    def __init__(self, lab: LabServer, addresses: list[tuple[str, str]]) -> None:
        self.lab, self.addresses = lab, addresses
        self.timings = Timings()
        self.sessions: list[Session] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.sockets: list[ClientConnection] = []

    async def __aenter__(self) -> Crowd:
        """Opens them one after the other, each once the one before has its page."""
        for page, query in self.addresses:
            socket = await connect(
                self.lab.url.replace("http", "ws") + "/_stcore/stream",
                origin=self.lab.url,  # type: ignore[arg-type]
                subprotocols=["streamlit"],  # type: ignore[list-item]
                max_size=None,
            )
            session = Session(socket, page, query, self.timings)
            self.sockets.append(socket)
            self.sessions.append(session)
            self.tasks.append(asyncio.create_task(session.live()))
            await asyncio.wait_for(session.begun.wait(), 60)
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self.sockets:
            await socket.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def pause(self, paused: bool = True) -> None:
        """Stays open, but asks for nothing: what the pages' own running costs shows as the difference."""
        for session in self.sessions:
            session.paused = paused

    def forget(self) -> None:
        """What was measured so far was the warm-up."""
        self.timings = Timings(troubles=self.timings.troubles)
        for session in self.sessions:
            session.timings = self.timings

    def check(self) -> None:
        """Every session still lives, and no page had trouble."""
        assert not self.timings.troubles, self.timings.troubles
        for task in self.tasks:
            assert not task.done(), task.exception()
