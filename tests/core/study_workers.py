"""Studies of tiny networks, searched by real workers that start in milliseconds, forked with everything loaded."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.studies.manage import create_study
from core.studies.spec import StudySpec, parse_study
from core.studies.study import Study, open_study
from core.system import files, processes
from tests.core import workers
from tests.core.workers import tiny_spec, wait_for

SETUP: Callable[[], None] | None = None  # called in each worker first
LEARNING_RATE = {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True}


def tiny_study(*space: dict[str, Any], train: dict[str, Any] | None = None, **settings: Any) -> StudySpec:
    """A study whose trials train for a few hundredths of a second; by default over the learning rate."""
    base = tiny_spec(**{"epochs": 1, "batch_size": 64, **(train or {})}).model_dump(mode="json")
    base["data"]["max_train_images"] = 128
    return parse_study({"base": base, "space": list(space or [LEARNING_RATE]), "pruner": "none", **settings})


def start_module(module: Sequence[str], log_path: Path, *_: object) -> int:
    """As `core.system.child.start_process`, for `core.studies.worker`."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("RESNET_LAB_", "OMP_"))}
    return workers.fork(_work, list(module[1:]), log_path, kept, SETUP)


def _work(
    arguments: list[str], log_path: Path, environment: dict[str, str], setup: Callable[[], None] | None = None
) -> None:
    os.setsid()
    os.environ.update(environment)
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    workers.look_often()
    if setup:
        setup()
    from core.studies import worker

    worker.IDLE_SECONDS = worker.POLL_SECONDS
    os._exit(worker.main(arguments))


def make_study(spec: StudySpec, name: str = "tiny", *, slots: int = 4) -> Study:
    """A study on a machine whose CPU takes so many runs at once."""
    folder = Path(os.environ["RESNET_LAB_RUNS"])
    (folder / "settings.json").write_text(json.dumps({"slots": {"cpu": slots}}))
    create_study(name, spec)
    return open_study(name)


def wait_for_end(study: Study, seconds: float = 120.0) -> None:
    """Waits until no worker of the study is left."""
    wait_for(lambda: not study.summary().workers_alive, seconds)


def states_of(study: Study) -> dict[str, int]:
    """How many trials are in each state that occurs."""
    counts: dict[str, int] = study.trials()["state"].value_counts().to_dict()
    return counts


def kill_worker(study: Study, index: int) -> bool:
    """Kills a worker at once, as the system would that runs out of memory; False where there is none."""
    if not study.is_worker_alive(index):
        return False
    try:
        recorded = json.loads((study.worker_folder(index) / "worker.json").read_text())
    except FileNotFoundError:
        return False
    return processes.kill(recorded["process"])


def logs_of(study: Study) -> str:
    return "\n".join(path.read_text() for path in sorted(study.folder.glob("workers/*/log.txt")))


def write_ended_run(folder: Path, losses: Sequence[float]) -> None:
    """Makes a run's folder that of a run that finished with these validation losses."""
    now = time.time()
    rows = [
        {"epoch": epoch, "val/loss": loss, "val/accuracy": 0.5, "seconds": epoch}
        for epoch, loss in enumerate(losses, 1)
    ]
    (folder / "metrics.jsonl").write_bytes(b"".join(files.to_line(row) for row in rows))
    files.write_json(folder / "environment.json", {"started": now - 60})
    end = {"state": "finished", "reason": "All epochs done.", "epoch": len(rows), "ended": now, "metrics": {}}
    files.write_json(folder / "end.json", end)
