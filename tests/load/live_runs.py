"""Runs that grow as if they were trained: one process writes for all of them what a worker would for each."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.made_runs import make_row
from core.runs.store import open_run
from core.spec.presets import PRESETS
from core.system import files
from core.system.locks import FileLock
from tests.made_runs import create_run

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
    # By its name, not by multiprocessing: that would run again whatever page a test has left as the main module.
    folders = [str(open_run(run_id).path) for run_id in run_ids]
    command = [sys.executable, "-m", "tests.load.live_runs", str(epoch_seconds), *folders]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _write(folders: list[Path], epoch_seconds: float) -> None:
    parent = os.getppid()
    with ExitStack() as held:
        for folder in folders:
            assert held.enter_context(FileLock(folder / "run.lock")).acquire(5)
        print("ready", flush=True)
        draw, began, written = random.Random(0), time.monotonic(), [0] * len(folders)
        while os.getppid() == parent:
            for index, folder in enumerate(folders):
                went = (time.monotonic() - began) / epoch_seconds + index / len(folders)
                if int(went) > written[index]:
                    written[index] = int(went)
                    with open(folder / "metrics.jsonl", "ab", buffering=0) as file:
                        file.write(files.to_line(make_row(written[index], 200, draw)))
                step = {"phase": "train", "epoch": written[index] + 1, "epochs": EPOCHS, "steps": 24}
                now = {"step": int(went % 1 * 24), "seconds": went * epoch_seconds, "time": time.time(), "loss": 0.5}
                files.write_json(folder / "progress.json", step | now, sync=False)
            time.sleep(PROGRESS_SECONDS)


if __name__ == "__main__":
    _write([Path(folder) for folder in sys.argv[2:]], float(sys.argv[1]))
