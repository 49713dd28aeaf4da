"""Runs that grow as if they were trained: one process writes for all of them what a worker would for each."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.made_runs import make_row
from core import files
from core.locks import FileLock
from core.presets import PRESETS
from core.runs import create_run, open_run

PROGRESS_SECONDS, EPOCHS = 0.5, 10_000


def make_live_run(number: int) -> str:
    """A run that has begun."""
    preset = PRESETS["first-look"].spec
    spec = preset.model_copy(update={"train": preset.train.model_copy(update={"epochs": EPOCHS, "seed": number})})
    run_id = create_run(spec, name=f"live {number}")
    folder = open_run(run_id).path
    (folder / "launched").unlink()
    files.write_json(folder / "environment.json", {"device": "cpu", "started": time.time()}, sync=False)
    return run_id


@contextmanager
def writing(run_ids: list[str], epoch_seconds: float = 2.0) -> Iterator[None]:
    """The runs are running, and grow, for a `with` block."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    folders = [open_run(run_id).path for run_id in run_ids]
    process = context.Process(target=_write, args=(folders, epoch_seconds, ready, os.getpid()), daemon=True)
    process.start()
    try:
        assert ready.wait(60)
        yield
    finally:
        process.kill()
        process.join()


def _write(folders: list[Path], epoch_seconds: float, ready: object, parent: int) -> None:
    with ExitStack() as held:
        for folder in folders:
            assert held.enter_context(FileLock(folder / "run.lock")).acquire(5)
        ready.set()  # type: ignore[attr-defined]
        draw, began, written = random.Random(0), time.monotonic(), [0] * len(folders)
        while os.getppid() == parent:
            for place, folder in enumerate(folders):
                went = (time.monotonic() - began) / epoch_seconds + place / len(folders)
                if int(went) > written[place]:
                    written[place] = int(went)
                    with open(folder / "metrics.jsonl", "ab", buffering=0) as file:
                        file.write(files.to_line(make_row(written[place], 200, draw)))
                step = {"phase": "train", "epoch": written[place] + 1, "epochs": EPOCHS, "steps": 24}
                now = {"step": int(went % 1 * 24), "seconds": went * epoch_seconds, "time": time.time(), "loss": 0.5}
                files.write_json(folder / "progress.json", step | now, sync=False)
            time.sleep(PROGRESS_SECONDS)
