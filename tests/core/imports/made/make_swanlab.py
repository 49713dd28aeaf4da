"""A local run as SwanLab writes it, and what its own messages and reader give.

python make_swanlab.py FOLDER     with swanlab 0.10.3 installed
"""

import json
import math
import os
import shutil
import sys
from pathlib import Path

FLOATS = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 1e-300, 1e308]


def make(folder: Path) -> None:
    import swanlab

    swanlab.init(
        project="shapes",
        name="first run",
        config={"lr": 0.1, "model": {"depth": 18}},
        mode="local",
        log_dir=str(folder),
    )
    for index, value in enumerate(FLOATS):
        swanlab.log({"train/loss": value, "count": index})
    for step, value in ((20, 1.0), (20, 2.0), (15, 3.0)):
        swanlab.log({"falls": value}, step=step)
    swanlab.log({"word": swanlab.Text("text")}, step=30)
    swanlab.finish()


def write_expected(folder: Path) -> None:
    """Read with SwanLab's own reader of its log and its own messages."""
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    (path,) = folder.glob("*.swanlab")
    store, series = DataStoreReader(), {}
    store.open(path)
    for data in store:
        record = Record.FromString(data)
        if record.HasField("scalar"):
            scalar = record.scalar
            time = scalar.timestamp.seconds + scalar.timestamp.nanos / 1e9
            series.setdefault(scalar.key, []).append([scalar.step, scalar.value.number.hex(), time.hex()])
    (folder / "expected.json").write_text(json.dumps(series, indent=0) + "\n")


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.environ |= {"SWANLAB_SAVE_DIR": str(target), "SWANLAB_LOG_DIR": str(target), "SWANLAB_MODE": "local"}
    make(target)
    (log,) = target.rglob("*.swanlab")
    shutil.copy(log, target / log.name)
    (target / "files").mkdir()
    shutil.copy(log.parent / "files" / "config.yaml", target / "files" / "config.yaml")
    shutil.rmtree(log.parent)
    write_expected(target)
