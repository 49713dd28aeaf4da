"""optuna-dashboard for the studies' storage, on request: a process of its own, on the loopback alone, behind a guard.

optuna-dashboard has no sign-in and obeys whoever reaches it. So it answers only to its own address, only to pages of
its own origin and in no frame, and it only shows: renaming or deleting a study there would pull it out from under its
workers. It ends when nobody has looked for a while.
"""

from __future__ import annotations

import argparse
import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from core.system import files, processes
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.system.locks import FileLock, RunsFolderError, is_locked
from server.doors import HEADERS, NO_FRAME, SAFE_METHODS, Asked, Door

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ADDRESS = "127.0.0.1"
# An open tab asks every few seconds, so this is time without a tab.
IDLE_SECONDS = 600.0
STOP_SECONDS = 5.0
_STATUS = {403: "403 Forbidden", 421: "421 Misdirected Request"}


class DashboardError(LabError):
    """The dashboard cannot be started or stopped."""


@dataclass(frozen=True)
class Dashboard:
    """`url` is where it answers once it runs; `reason` why it failed."""

    state: Literal["stopped", "starting", "running", "failed"]
    url: str = ""
    reason: str = ""

    def url_of(self, study_id: int) -> str:
        """The address of one study, by Optuna's number of it."""
        return f"{self.url}/dashboard/studies/{study_id}"


def _path(suffix: str) -> Path:
    """Of the dashboard's lock, note or log."""
    return runs_folder() / ".studies" / f"dashboard{suffix}"


def _read_note() -> dict[str, Any]:
    with suppress(files.DamagedFileError):
        return files.find_json(_path(".json")) or {}
    return {}


def find_dashboard() -> Dashboard:
    """Whether the dashboard of this storage runs, and where."""
    note = _read_note()
    if is_locked(_path(".lock")):
        served = processes.is_same(note.get("process")) and isinstance(note.get("port"), int)
        return Dashboard("running", f"http://{ADDRESS}:{note['port']}") if served else Dashboard("starting")
    if note.get("reason"):
        return Dashboard("failed", reason=str(note["reason"]))
    if "launched" not in note:
        return Dashboard("stopped")
    if processes.is_same(note["launched"]):
        return Dashboard("starting")
    return Dashboard("failed", reason=f"Its process ended at once; {_path('.log')} may tell why.")


def start_dashboard() -> None:
    """Starts the dashboard where it does not run; `find_dashboard` tells when it answers. Raises DashboardError."""
    # Only whoever starts something needs what the launcher needs.
    from core.launch.environment import worker_environment
    from core.system.child import start_process

    if find_dashboard().state in ("starting", "running"):
        return
    try:
        log = _path(".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        pid = start_process(["server.dashboard"], log, worker_environment())
        # Beside the note of the process itself, which may already be there.
        if not is_locked(_path(".lock")):
            files.write_json(_path(".json"), {"launched": processes.identify(pid)}, sync=False)
    except OSError as error:
        raise DashboardError(f"optuna-dashboard could not be started: {error.strerror}.") from error


def stop_dashboard() -> bool:
    """Ends the dashboard's process; False where none runs. Raises DashboardError where it does not end."""
    note = _read_note()
    recorded = note.get("process") or note.get("launched")
    # It only shows what is stored, so it may end at any moment.
    stopped = processes.kill(recorded) if recorded else False
    end = time.monotonic() + STOP_SECONDS
    while is_locked(_path(".lock")):
        if time.monotonic() > end:
            raise DashboardError("optuna-dashboard does not end. Try again in a moment.")
        time.sleep(0.02)
    _path(".json").unlink(missing_ok=True)
    return stopped


# The process of its own -------------------------------------------------------------------------------------------


def guard(app: WSGIApplication, port: int, note_request: Callable[[], None]) -> WSGIApplication:
    """The application behind a check of who asks; see the module's docstring."""
    door = Door(("127.0.0.1", "localhost"), port=port)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if refused := door.why_refused(read_asked(environ)):
            status, reason = _STATUS[refused.status], refused.sentence
        elif reason := why_unchanged(environ):
            status = _STATUS[403]
        if reason:
            start_response(status, [("Content-Type", "application/json"), *HEADERS])
            return [b'{"reason": "' + reason.encode() + b'"}']
        note_request()

        def start_guarded(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            ours = {name.lower() for name, _ in HEADERS} | {"content-security-policy"}
            policy = [value for name, value in headers if name.lower() == "content-security-policy"]
            kept = [(name, value) for name, value in headers if name.lower() not in ours]
            policy.append(NO_FRAME)
            return start_response(status, [*kept, *HEADERS, ("Content-Security-Policy", "; ".join(policy))], *rest)

        return app(environ, start_guarded)

    return answer


def read_asked(environ: WSGIEnvironment) -> Asked:
    """What the door looks at, of a request of WSGI."""
    origin = environ.get("HTTP_ORIGIN")
    return Asked(
        scheme="http",
        method=environ["REQUEST_METHOD"],
        hosts=[environ.get("HTTP_HOST", "")],
        origins=[] if origin is None else [origin],
        site=environ.get("HTTP_SEC_FETCH_SITE", ""),
        target=environ.get("HTTP_SEC_FETCH_DEST", "document"),
    )


def why_unchanged(environ: WSGIEnvironment) -> str:
    """Why what would change something is not done, or nothing."""
    if environ["REQUEST_METHOD"] in SAFE_METHODS or environ.get("PATH_INFO", "").endswith("/note"):
        return ""
    return "optuna-dashboard only shows here. Change the study on the Studies page of ResNet Lab."


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """An open tab asks every few seconds; that is no news."""


def serve(idle_seconds: float = IDLE_SECONDS) -> None:
    """Serves until nobody has asked for a while, or the runs folder is gone; does nothing where another one serves."""
    _path(".lock").parent.mkdir(parents=True, exist_ok=True)
    with FileLock(_path(".lock")) as lock:
        # Whoever only asks whether it is held holds it for a moment.
        if not lock.acquire(2.0):
            return
        try:
            app = _make_app()
        except Exception as error:
            # The page asks for it; a storage that cannot be reached says so in a sentence.
            files.write_json(_path(".json"), {"reason": str(error) or type(error).__name__}, sync=False)
            raise
        last = [time.monotonic()]

        def note_request() -> None:
            last[0] = time.monotonic()

        with make_server(ADDRESS, 0, _refuse_all, _Server, _QuietHandler) as server:
            server.set_app(guard(app, server.server_port, note_request))
            note = {"process": processes.identify(os.getpid()), "port": server.server_port, "started": time.time()}
            files.write_json(_path(".json"), note, sync=False)
            watcher = threading.Thread(target=_watch, args=(server, last, idle_seconds), daemon=True)
            watcher.start()
            server.serve_forever(poll_interval=0.2)
        _path(".json").unlink(missing_ok=True)


def _make_app() -> WSGIApplication:
    from optuna_dashboard import wsgi  # type: ignore[import-untyped]

    from core.studies.shown import show_infeasible
    from core.studies.storage import open_storage

    app: WSGIApplication = wsgi(show_infeasible(open_storage()))
    return app


def _refuse_all(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [])
    return []


def _watch(server: WSGIServer, last: list[float], idle_seconds: float) -> None:
    while time.monotonic() - last[0] < idle_seconds and _path(".lock").exists():
        time.sleep(min(1.0, idle_seconds / 10))
    server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m server.dashboard", description=__doc__)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds without a request until it ends")
    try:
        serve(parser.parse_args().idle)
    except RunsFolderError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
