"""Python modules in processes of their own: `start_process` for what outlives this process, `Child` to ask questions.

Every process of the lab starts here. Not with multiprocessing: its children run the main script again, which is a page
under `streamlit run`, or inherit torch's threads.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from core.system.errors import LabError
from core.system.folders import PROJECT
from core.system.gc_pause import LoadingTorch
from core.system.processes import identify

# Called with the identity of a process that has ended and its exit status (negative for a signal).
Ended = Callable[[dict[str, Any] | None, int], None]


class ChildError(LabError):
    """A child gave no answer."""


class ChildKilledError(ChildError):
    """A child was killed from outside, most likely because memory ran out."""


def spawn(command: Sequence[str], environment: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """`python -m COMMAND...` in its own session, so that Ctrl+C in the terminal does not reach it. Raises OSError."""
    return subprocess.Popen([sys.executable, "-m", *command], env=dict(environment), start_new_session=True, **options)


def start_process(
    command: Sequence[str], log_path: Path, environment: Mapping[str, str], ended: Ended = lambda process, status: None
) -> int:
    """Runs a module with its arguments so that it outlives this process and its terminal; returns its process id.

    Its output is appended to the log; `ended` is called if this process lives to see its end. Raises OSError.
    """
    with open(log_path, "ab") as log:
        process = spawn(
            command, environment, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    reap(process, ended)
    return process.pid


def reap(process: subprocess.Popen[bytes], ended: Ended) -> None:
    """Waits for the end in a thread, or a killed process would stay a zombie for as long as this one lives."""
    who = identify(process.pid)
    name = f"reaper of {process.pid}"
    threading.Thread(target=lambda: ended(who, process.wait()), name=name, daemon=True).start()


class Child:
    """A process that answers one question after the other and ends with its owner; used by one thread only.

    It starts with the first question, and again with the next one if it has died. A `with` block ends it.
    """

    def __init__(
        self, name: str, environment: Callable[[], Mapping[str, str]] = lambda: os.environ, *, nice: int = 0
    ) -> None:
        self.name, self.environment, self.nice = name, environment, nice
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, target: str, seconds: float | None = None, /, **kwargs: Any) -> Any:
        """What `package.module:function` returns or raises when called in the child. Raises ChildError."""
        self.send(target, **kwargs)
        return self.receive(seconds)

    def send(self, target: str, /, **kwargs: Any) -> None:
        """Asks without waiting; `receive` gets the answer."""
        if self._connection and self._process and self._process.poll() is None:
            with suppress(OSError):  # it has died in the meantime
                return self._connection.send((target, kwargs))
        with suppress(OSError):  # `receive` says why
            self._start().send((target, kwargs))
        return None

    def receive(self, seconds: float | None = None) -> Any:
        """The answer to the oldest question without one; the child is ended if it takes longer than `seconds`."""
        assert self._connection, "asked before"
        try:
            if not self._connection.poll(seconds):
                self.stop()
                raise ChildError(f"The {self.name} took longer than {seconds:.0f} seconds and was ended.")
            succeeded, answer = self._connection.recv()
        except (EOFError, OSError) as error:
            status = self.stop()
            if status == -signal.SIGKILL:
                text = f"The {self.name} was killed, as the system does when memory runs out."
                raise ChildKilledError(text) from error
            raise ChildError(f"The {self.name} ended unexpectedly (exit status {status}). Try again.") from error
        if succeeded:
            return answer
        raise answer

    def stop(self) -> int | None:
        """Ends the child; returns the exit status, None if there was no child."""
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection:
            connection.close()
        if not process:
            return None
        process.kill()  # changes nothing about how a process ended that is ending already
        return process.wait()

    def _start(self) -> Connection[Any, Any]:
        self.stop()
        ours, theirs = socket.socketpair()
        environment = dict(self.environment())
        # The working directory stays, so that relative paths mean the same on both sides.
        paths = [str(PROJECT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = ["core.system.child", str(theirs.fileno()), str(self.nice)]
        try:
            with theirs:
                self._process = spawn(command, environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        except OSError as error:
            ours.close()
            raise ChildError(f"The {self.name} could not start: {error.strerror}.") from error
        self._connection = Connection(ours.detach())
        return self._connection


# In the child ------------------------------------------------------------------------------------------------------


def serve(descriptor: int, nice: int) -> None:
    """Answers one question after the other until the owner is gone."""
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    connection: Connection[Any, Any] = Connection(descriptor)
    questions: SimpleQueue[tuple[str, dict[str, Any]]] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, questions), daemon=True).start()
    while True:
        connection.send_bytes(_answer(*questions.get()))


def _listen(connection: Connection[Any, Any], questions: SimpleQueue[tuple[str, dict[str, Any]]]) -> None:
    # In a thread of its own, so that the owner's death is noticed in the middle of an answer too.
    try:
        while True:
            questions.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


def load(name: str) -> None:
    """Imports a module, so that the first question to it is answered sooner."""
    with LoadingTorch():
        import_module(name)


def _answer(target: str, kwargs: dict[str, Any]) -> Any:
    module, _, name = target.partition(":")
    try:
        load(module)
        return ForkingPickler.dumps((True, getattr(sys.modules[module], name)(**kwargs)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is passed to whoever asked
        if not isinstance(error, LabError):  # whose message is enough
            error.add_note(f"In a child process:\n{traceback.format_exc()}")
        return _pack_error(error)


def _pack_error(error: Exception) -> Any:
    try:
        packed = ForkingPickler.dumps((False, error))
        ForkingPickler.loads(packed)  # some exceptions can be packed but not unpacked
    except Exception:  # noqa: BLE001 - pickle raises what it likes
        return ForkingPickler.dumps((False, ChildError(f"{type(error).__name__}: {error}")))
    return packed


if __name__ == "__main__":
    # Imported by name: errors made in `__main__` could not be unpickled on the other side.
    from core.system.child import serve

    serve(*map(int, sys.argv[1:]))
