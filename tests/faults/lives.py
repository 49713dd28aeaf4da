"""Runs that live, die and are resumed."""

from __future__ import annotations

from collections.abc import Callable

from core.launch.launcher import reopen_run
from core.runs import presence
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import RunSpec
from core.system import processes
from tests.core.workers import start_worker, wait_for
from tests.made_runs import create_run

Setup = Callable[[], None]
ENDED = ("finished", "failed", "stopped", "interrupted", "damaged")


def live(run: Run, setup: Setup | None = None) -> str:
    """Trains a run in a worker of its own until that ends, however it ends; its state then."""
    if run.state() in ENDED:
        reopen_run(run)
    presence.mark_launch(run.path, start_worker(run, setup))
    return str(wait_for(lambda: (state := run.state()) in ENDED and state))


def new_run(spec: RunSpec) -> Run:
    return open_run(create_run(spec))


def worker_of(run: Run) -> int:
    """The process id of the worker that holds the run now; 0 where none does yet, or none any more."""
    process = (run.worker() or {}).get("process")
    return int(process["pid"]) if process and run.is_alive() and processes.is_same(process) else 0


def strays(run: Run) -> list[str]:
    """Files that a writer left unfinished."""
    return [str(path.relative_to(run.path)) for path in run.path.rglob(".*")]
