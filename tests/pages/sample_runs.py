"""Run folders as a worker leaves them, made by hand: no training, no torch."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.runs.folder import Run
from core.runs.store import open_run
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from core.system import files
from core.system.locks import FileLock
from tests.made_runs import create_run

EPOCHS = 5


def make_rows(epochs: int, top: float = 0.9) -> list[dict[str, Any]]:
    """Validation accuracy rises to `top` in the last epoch but one, then falls a little."""
    accuracies = [top * (epoch / max(epochs - 1, 1)) for epoch in range(1, epochs)] + [top - 0.01] * bool(epochs)
    return [
        {
            "epoch": epoch,
            "step": 24 * epoch,
            "train/loss": 2.0 / epoch,
            "train/accuracy": min(accuracy + 0.02, 1.0),
            "val/loss": 2.2 / epoch,
            "val/accuracy": accuracy,
            "learning_rate": 1e-3 / epoch,
            "images_per_second": 1000.0 + epoch,
            "seconds": 3.0 * epoch,
            "system/cpu_percent": 98.0,
            "system/memory_bytes": 6e8,
        }
        for epoch, accuracy in enumerate(accuracies, start=1)
    ]


def make_run(
    state: str = "finished",
    *,
    epochs_done: int = EPOCHS,
    preset: str = "first-look",
    settings: tuple[str, ...] = (f"train.epochs={EPOCHS}",),
    top: float = 0.9,
    reason: str = "",
    **about: Any,
) -> Run:
    """A run in one of its ends, or interrupted; `about` is its name, tags and so on."""
    spec = parse_spec(apply_settings(PRESETS[preset].spec.model_dump(mode="json"), list(settings)))
    archived = about.pop("archived", False)
    run = open_run(create_run(spec, **about))
    if archived:
        run.update_about(archived=True)
    # Long ago, so that it does not count as just starting.
    os.utime(run.path / "launched", (1, 1))
    rows = make_rows(epochs_done, top)
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    environment = {"device": "cpu", "device_name": "A CPU", "val_images": 400, "test_images": 900}
    files.write_json(run.path / "environment.json", environment, sync=False)
    if state == "finished":
        figures = {"test/accuracy": 0.8, "test/loss": 0.5, "test/accuracy_best": 0.82, "best/epoch": epochs_done - 1}
        files.write_json(run.path / "end.json", {"state": state, "metrics": figures}, sync=False)
    elif state != "interrupted":
        files.write_json(run.path / "end.json", {"state": state, "reason": reason}, sync=False)
    return run


def add_checkpoint(run: Run, content: bytes = b"weights", epoch: int = EPOCHS) -> str:
    """One checkpoint with its manifest; returns its SHA-256."""
    folder = run.path / "checkpoints"
    folder.mkdir()
    (folder / "last.safetensors").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    entry = {"name": "last.safetensors", "epoch": epoch, "bytes": len(content), "sha256": sha256, "kind": "last"}
    files.write_json(folder / "manifest.json", {"checkpoints": [entry]})
    return sha256


@contextmanager
def training(run: Run) -> Iterator[None]:
    """The run counts as running: somebody holds its lock."""
    (run.path / "end.json").unlink(missing_ok=True)
    lock = FileLock(run.path / "run.lock")
    assert lock.acquire(1)
    try:
        yield
    finally:
        lock.release()
