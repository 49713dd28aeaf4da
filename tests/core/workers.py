"""Real workers that start in milliseconds: forked from a process that has loaded torch already."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from core.runs.folder import Run
from core.spec import RunSpec
from core.spec.parse import parse_spec

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.core.preloaded"])
# Kept, because a process object that is collected forgets its child.
_started: list[Any] = []
_forking = threading.Lock()
PAUSE_SECONDS = 0.005  # between two looks of who waits, at least: a look that takes longer is also rarer
# Between a worker's looks for a request to stop and for its turn: a tiny run is over before a third of a second is.
WORKER_POLL_SECONDS = 0.02
OVER = {"finished", "failed", "pruned"}


def tiny_spec(**train: Any) -> RunSpec:
    """Digits at 8x8 in a network of some hundred parameters: an epoch takes a few hundredths of a second."""
    return parse_spec(
        {
            "model": {"stem_channels": 4, "layers": [{"channels": 4, "blocks": 1}], "pool_size": 8, "dropout": 0.1},
            "data": {"dataset": "digits", "image_size": 8, "max_train_images": 256},
            "augment": {"crop_padding": 1, "flip": False},
            "train": {"epochs": 5, "batch_size": 32, "precision": "float32", "device": "cpu", **train},
        }
    )


def start_worker(run: Run, setup: Callable[[], None] | None = None) -> int:
    """A worker in a process of its own, as `python -m core.worker`; `setup` is called in it before. Its process id."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("RESNET_LAB_", "OMP_"))}
    return fork(_work, run.id, run.path, kept, setup)


def fork(work: Callable[..., None], *arguments: Any) -> int:
    """As `make_fork`; the process ends with the test. Its process id."""
    process = make_fork(work, *arguments)
    keep(process)
    return int(process.pid)


def keep(process: Any) -> None:
    """It ends with the test."""
    _started.append(process)


def end_all(seconds: float = 20.0) -> None:
    """Waits for all that the test started, and kills those that take too long."""
    for process in _started:
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
    _started.clear()


def make_fork(work: Callable[..., None], *arguments: Any) -> Any:
    """Calls it in a process that has loaded torch already."""
    process = _context.Process(target=work, args=arguments, daemon=True)
    # A child runs the file of __main__ first; AppTest leaves the last page there.
    with _forking:
        main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
        try:
            process.start()
        finally:
            sys.modules["__main__"] = main
    assert process.pid
    return process


def _work(run_id: str, folder: Path, environment: dict[str, str], setup: Callable[[], None] | None) -> None:
    os.setsid()
    os.environ.update(environment)
    # The log is the process's output itself, so that native code and a dying interpreter reach it too.
    if not folder.is_dir():
        os._exit(1)  # deleted before its worker was there
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    look_often()
    if setup:
        setup()
    from core.worker.run import main

    os._exit(main(run_id))


def look_often() -> None:
    """This worker notices a request to stop, and its turn, at once."""
    from core.worker import run, stop

    for module in (run, stop):
        vars(module)["POLL_SECONDS"] = WORKER_POLL_SECONDS  # which one has from the other


def wait_for(question: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first answer that is true; fails the test where there is none in time."""
    end = time.monotonic() + seconds
    while True:
        began = time.thread_time()
        if answer := question():
            return answer
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain"
        # To ask all the time would take the processor from whoever is waited for.
        time.sleep(PAUSE_SECONDS + 3 * (time.thread_time() - began))


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also one whose parent has not heard of it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for_state(run: Run, *states: str, seconds: float = 60.0) -> str:
    """The first of the states that the run is in; fails the test at once where the run ended in another."""

    def look() -> str:
        state = run.state()
        assert state in states or state not in OVER, f"{state}, not {' or '.join(states)}:\n{run.log_tail()}"
        return state if state in states else ""

    return str(wait_for(look, seconds))
