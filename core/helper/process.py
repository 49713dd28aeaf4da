"""A warm process beside the page server for small questions that need torch, such as a picture of augmented samples.

The page's process stays free of torch; the answer comes as a future. The process is a plain
`python -m core.helper.process` that speaks over a private socket. multiprocessing would run the main script again in
its child, and under `streamlit run` that script is a page.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any

from core.system.errors import LabError
from core.system.folders import PROJECT
from core.system.gc_pause import LoadingTorch

_TIMEOUT_SECONDS = 120


class AssistantError(LabError):
    """The helper process gave no answer."""


def call(target: str, **kwargs: Any) -> Future[Any]:
    """Runs `package.module:function` with these arguments in the helper process.

    The future holds the result or the exception that the function raised; `AssistantError` where the process died.
    """
    return _executor.submit(_helper.ask, target, kwargs)


@cache
def warm_up(module: str) -> None:
    """Starts the helper process and has it import a module, so that the first question is answered sooner."""
    call("core.helper.process:load_module", name=module)


def load_module(name: str) -> None:
    """In the helper process."""
    with LoadingTorch():
        import_module(name)


class _Helper:
    """The process as its owner sees it; used by one thread only."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None

    def ask(self, target: str, kwargs: dict[str, Any]) -> Any:
        connection = self._send(target, kwargs)
        try:
            if not connection.poll(_TIMEOUT_SECONDS):
                self.stop()
                raise AssistantError(f"The helper process took longer than {_TIMEOUT_SECONDS} seconds and was ended.")
            succeeded, answer = connection.recv()
        except (EOFError, OSError) as error:
            self.stop()
            raise AssistantError(
                "The helper process ended unexpectedly; the next question starts a new one."
            ) from error
        if succeeded:
            return answer
        raise answer

    def stop(self) -> None:
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None

    def _send(self, target: str, kwargs: dict[str, Any]) -> Connection[Any, Any]:
        if self._connection and self._process and self._process.poll() is None:
            try:
                self._connection.send((target, kwargs))
            except OSError:
                pass  # it died since it was looked at
            else:
                return self._connection
        connection = self._start()
        connection.send((target, kwargs))
        return connection

    def _start(self) -> Connection[Any, Any]:
        self.stop()
        ours, theirs = socket.socketpair()
        # One thread: the answers are small, and training needs the cores.
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.helper.process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment,
                start_new_session=True,  # Ctrl+C in the terminal is for the server, which takes the helper with it
            )
        self._connection = Connection(ours.detach())
        return self._connection


_helper = _Helper()
_executor = ThreadPoolExecutor(1, thread_name_prefix="assistant")


def serve(descriptor: int) -> None:
    """The helper process: one question after the other, until its owner is gone."""
    connection: Connection[Any, Any] = Connection(descriptor)
    questions: SimpleQueue[tuple[str, dict[str, Any]]] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, questions), daemon=True).start()
    while True:
        connection.send_bytes(_answer(*questions.get()))


def _listen(connection: Connection[Any, Any], questions: SimpleQueue[tuple[str, dict[str, Any]]]) -> None:
    # In a thread of its own, so that a death of the owner is noticed in the middle of an answer too.
    try:
        while True:
            questions.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


def _answer(target: str, kwargs: dict[str, Any]) -> Any:
    module, _, name = target.partition(":")
    try:
        load_module(module)
        return ForkingPickler.dumps((True, getattr(sys.modules[module], name)(**kwargs)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the one who asked
        error.add_note(f"In the helper process:\n{traceback.format_exc()}")
        return _pack_error(error)


def _pack_error(error: Exception) -> Any:
    try:
        packed = ForkingPickler.dumps((False, error))
        ForkingPickler.loads(packed)  # some exceptions can be packed but not unpacked
    except Exception:  # noqa: BLE001 - pickle raises what it likes
        return ForkingPickler.dumps((False, AssistantError(f"{type(error).__name__}: {error}")))
    return packed


if __name__ == "__main__":
    # Under its own name, or the errors made here would belong to a module that the other side does not have.
    from core.helper.process import serve

    serve(int(sys.argv[1]))
