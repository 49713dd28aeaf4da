"""Run folders with predictions as a worker leaves them, made by hand: no training, no torch."""

import io
from typing import Any

import numpy as np

from core.runs.folder import Run
from core.system import files
from tests.pages.sample_runs import make_run

CLASSES = 10
VAL, TEST, EPOCHS = 60, 90, 4


def make_logits(images: int, seed: int, skill: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (images, classes) float16 that are often right, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(images) % CLASSES
    logits = generator.normal(size=(images, CLASSES))
    logits[np.arange(images), labels] += skill
    return logits.astype(np.float16), labels.astype(np.int64)


def save_array(run: Run, name: str, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    (run.path / "predictions").mkdir(exist_ok=True)
    files.write_bytes(run.path / "predictions" / f"{name}.npy", buffer.getvalue())


def make_unvalidated() -> Run:
    """A finished run that held no images out: no figures of validation, and only the last weights."""
    run = make_run(epochs_done=EPOCHS, settings=(f"train.epochs={EPOCHS}", "data.val_fraction=0"))
    environment = {**run.environment(), "val_images": 0, "test_images": TEST, "val_classes_dtype": "uint8"}
    files.write_json(run.path / "environment.json", environment)
    rows = [{name: value for name, value in row.items() if not name.startswith("val/")} for row in run.rows()]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    metrics = {"test/accuracy": 0.8, "test/loss": 0.5, "last/epoch": EPOCHS, "last/train_loss": 0.5}
    files.write_json(run.path / "end.json", {"state": "finished", "metrics": metrics})
    logits, labels = make_logits(TEST, 1)
    save_array(run, "test_last", logits)
    save_array(run, "test_labels", labels)
    return Run(run.path)


def make_examined(state: str = "finished", **options: Any) -> Run:
    """A run with the predictions of its state: a history in any case, logits only where it has finished."""
    run = make_run(state, epochs_done=EPOCHS, settings=(f"train.epochs={EPOCHS}",), **options)
    environment = {
        **run.environment(),
        "val_images": VAL,
        "test_images": TEST,
        "val_classes_dtype": "uint8",
        "class_names": [f"kind {number}" for number in range(CLASSES)],
        "data_fingerprint": "same",
    }
    files.write_json(run.path / "environment.json", environment)
    val, val_labels = make_logits(VAL, 0)
    save_array(run, "val_labels", val_labels)
    history = [make_logits(VAL, epoch, skill=epoch)[0].argmax(1) for epoch in range(EPOCHS)]
    (run.path / "predictions" / "val_classes.bin").write_bytes(np.stack(history).astype(np.uint8).tobytes())
    save_array(run, "test_labels", make_logits(TEST, 1)[1])
    if state == "finished":
        save_array(run, "val_best", val)
        for seed, name in ((1, "test_last"), (2, "test_best")):
            save_array(run, name, make_logits(TEST, seed)[0])
    return run
