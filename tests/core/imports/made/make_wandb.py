"""Offline runs as W&B writes them, and what its own messages hold.

DATASTORE=.../wandb/sdk/internal/datastore.py python make_wandb.py FOLDER     with wandb 0.31.0 installed
"""

import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

FLOATS = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 1e-45, 1e308]
QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_HOST": "host",
    "WANDB_USERNAME": "someone",
    "WANDB_NOTEBOOK_NAME": "script",
    "WANDB_PROGRAM": "script.py",
}

PLAIN = {
    "x_disable_stats": True,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}


def make(folder: Path) -> None:
    import wandb

    settings = wandb.Settings(**PLAIN)
    with wandb.init(
        project="shapes",
        name="first run",
        id="aaaa1111",
        config={"lr": 0.1, "model": {"depth": 18, "widths": [64, 128]}, "note": None, "long": True},
        tags=["base", "small"],
        notes="two\nlines",
        dir=folder,
        settings=settings,
    ) as run:
        for index, value in enumerate(FLOATS):
            run.log({"train/loss": value, "count": index, "nested": {"a": index / 3}, "flag": index % 2 == 0})
        run.log({"val/loss": 0.25, "word": "text", "table": wandb.Histogram([1, 2, 3])}, step=40)
        run.config.update({"later": 5, "lr": 0.2}, allow_val_change=True)
        run.summary["best"] = 0.75
        run.summary["deep"] = {"x": 1}
    code = f"""
import os, wandb
run = wandb.init(project="shapes", id="bbbb2222", dir={str(folder)!r}, settings=wandb.Settings(**{PLAIN}))
for step in range(60):
    run.log({{"loss": 1 / (1 + step), "name with {"x" * 300}": step}})
import time
from pathlib import Path
path = next(Path({str(folder)!r}).rglob("run-bbbb2222.wandb"))
while path.stat().st_size < 50_000:  # what was logged is written by another process
    time.sleep(0.1)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)


def resume(folder: Path) -> None:
    """A run that was resumed twice: offline, W&B knows nothing of its earlier steps, and begins at 0 again."""
    import wandb

    for part in range(3):
        time.sleep(1.1)  # the folder's name tells the second
        with wandb.init(
            project="shapes",
            name="resumed",
            id="cccc3333",
            resume="allow" if part else None,
            config={"lr": 0.1 / (part + 1), "part": part},
            dir=folder,
            settings=wandb.Settings(**PLAIN),
        ) as run:
            for index in range(4):
                run.log({"loss": 1 / (1 + index + 10 * part)})
            if part == 1:
                run.log({"loss": 0.5, "epoch": 1}, step=20)
                run.log({"loss": 9.0}, step=3)  # which W&B drops, as it goes back


def write_expected(folder: Path) -> None:
    """Read with W&B's own messages and its own reader of the log, which 0.31.0 lacks: DATASTORE is that of 0.19.11."""
    import wandb
    from wandb.proto import wandb_internal_pb2 as messages

    spec = importlib.util.spec_from_file_location("datastore", os.environ["DATASTORE"])
    wandb._assert_is_internal_process = True
    datastore = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(datastore)

    runs = {}
    for path in sorted(folder.rglob("*.wandb")):
        store, series = datastore.DataStore(), runs.setdefault(path.stem.removeprefix("run-"), {})
        store.open_for_scan(str(path))
        while (data := store.scan_data()) is not None:
            record = messages.Record.FromString(data)
            if record.WhichOneof("record_type") == "history":
                row = {".".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
                for name, text in row.items():
                    # As JSON: Python reads NaN and Infinity in it.
                    series.setdefault(name, []).append([row["_step"], text, row["_timestamp"]])
    (folder / "expected.json").write_text(json.dumps(runs) + "\n")


if __name__ == "__main__":
    os.environ.update(QUIET)
    target = Path(sys.argv[1]).absolute()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    make(target)
    resume(target / "resumed")
    for path in target.rglob("*"):
        if path.is_file() and path.suffix != ".wandb":
            path.unlink()
    write_expected(target)
