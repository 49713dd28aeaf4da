"""A project's database as Trackio writes it, and what Trackio's own storage gives for each run.

python make_trackio.py FOLDER     with trackio 0.43.0 installed
"""

import json
import math
import os
import shutil
import sys
from pathlib import Path

FLOATS = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 1e-300, 1e308]


def make() -> None:
    import trackio

    trackio.init(project="shapes", name="first run", config={"lr": 0.1, "model": {"depth": 18}}, embed=False)
    for index, value in enumerate(FLOATS):
        trackio.log({"train/loss": value, "count": index, "deep": {"a": index / 3}, "word": "text"})
    for step in (5, 5, 3):
        trackio.log({"falls": step / 7}, step=step)
    trackio.finish()
    trackio.init(project="shapes", name="second", config={"lr": 0.2}, embed=False)
    trackio.log({"train/loss": 0.25})
    trackio.finish()


def write_expected(folder: Path) -> None:
    from trackio.sqlite_storage import SQLiteStorage

    found = {}
    for record in SQLiteStorage.get_run_records("shapes"):
        logs = SQLiteStorage.get_logs("shapes", record["name"], run_id=record["id"])
        found[record["id"]] = {"name": record["name"], "logs": logs}
    # Python reads NaN and Infinity in it.
    (folder / "expected.json").write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.environ |= {"TRACKIO_DIR": str(target), "TRACKIO_AUTO_LOG_GPU": "0", "HF_HUB_OFFLINE": "1"}
    make()
    write_expected(target)
