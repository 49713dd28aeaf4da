"""What tests of commands share: how one is run, a run that is finished, and a strict reader of JSON."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from core.cli.app import app
from core.runs.store import open_run
from core.spec.parse import parse_spec
from tests.made_runs import create_run

TINY: dict[str, Any] = {
    "model": {"stem_channels": 4, "layers": [{"channels": 4, "blocks": 1}], "pool_size": 32},
    "data": {"dataset": "digits", "max_train_images": 64},
    "augment": {"crop_padding": 0, "flip": False},
    "train": {"epochs": 2, "batch_size": 32, "device": "cpu", "precision": "float32"},
}


def run_command(*arguments: str, text: str | None = None) -> Result:
    """Runs a command in this process; it ends without a traceback."""
    result = CliRunner().invoke(app, list(arguments), input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result


def make_finished(test_accuracy: float, **train: object) -> str:
    """A run's folder as a worker leaves it, without the training."""
    run_id = create_run(
        parse_spec({**TINY, "train": {**TINY["train"], **train}}), name="[red]\x1b[2Jfirst", tags=("a", "b")
    )
    path = open_run(run_id).path
    (path / "launched").unlink(missing_ok=True)
    rows = [
        {"epoch": 1, "step": 2, "train/loss": 2.0, "val/loss": 2.1, "val/accuracy": 0.5, "seconds": 1.5},
        {"epoch": 2, "step": 4, "train/loss": None, "val/loss": 2.2, "val/accuracy": 0.4, "seconds": 3.0},
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "environment.json").write_text('{"device": "cpu"}')
    end = {"state": "finished", "reason": "", "metrics": {"test/accuracy": test_accuracy, "test/accuracy_best": 0.75}}
    (path / "end.json").write_text(json.dumps(end))
    return run_id
