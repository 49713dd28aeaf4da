"""Runs as MLflow keeps them, in SQLite and as files, and what MLflow's own client gives for each.

MLFLOW_ALLOW_FILE_STORE=true python make_mlflow.py FOLDER     with mlflow 3.17.2 installed
"""

import json
import math
import os
import shutil
import sqlite3
import sys
from pathlib import Path

FLOATS = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 1e-300, 1e308]


def make(uri: str) -> dict:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.create_experiment("shapes", artifact_location="mlflow-artifacts:/shapes")
    tags = {
        "mlflow.runName": "first run",
        "mlflow.note.content": "two\nlines",
        "team": "blue",
        "mlflow.user": "someone",
    }
    run = client.create_run(experiment, start_time=1_760_000_000_000, tags=tags).info.run_id
    for index, value in enumerate(FLOATS):
        client.log_metric(run, "train/loss", value, timestamp=1_760_000_000_000 + 1001 * index, step=index)
    for step, value in ((5, 1.0), (5, 2.0), (3, 3.0), (-7, 4.0)):
        client.log_metric(run, "falls", value, timestamp=1_760_000_001_000, step=step)
    client.log_metric(run, "val acc", 0.25, timestamp=1_760_000_001_000)
    for key, value in {"lr": 0.1, "optimizer": "sgd", "depth": 18, "long": "x" * 500}.items():
        client.log_param(run, key, value)
    client.set_terminated(run, "FINISHED", end_time=1_760_000_009_000)
    failed = client.create_run(experiment, start_time=1_760_000_100_000, tags={"mlflow.runName": "failed"}).info.run_id
    client.log_metric(failed, "loss", 0.5, timestamp=1_760_000_101_000, step=1)
    client.set_terminated(failed, "FAILED", end_time=1_760_000_102_000)
    deleted = client.create_run(experiment, tags={"mlflow.runName": "deleted"}).info.run_id
    client.delete_run(deleted)
    expected = {}
    for each in client.search_runs([experiment]):
        expected[each.info.run_id] = {
            "name": each.info.run_name,
            "status": each.info.status,
            "params": each.data.params,
            "metrics": {
                key: [
                    [point.step, point.value.hex(), (point.timestamp / 1000).hex()]
                    for point in client.get_metric_history(each.info.run_id, key)
                ]
                for key in each.data.metrics
            },
        }
    return expected


if __name__ == "__main__":
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.chdir(target)
    found = {"sqlite": make("sqlite:///mlflow.db"), "files": make("mlruns")}
    # Of the 63 tables only those with runs are kept.
    with sqlite3.connect("mlflow.db") as database:
        database.execute("PRAGMA foreign_keys = OFF")
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name not in ("runs", "metrics", "params", "tags", "experiments"):
                database.execute(f"DROP TABLE IF EXISTS [{name}]")
        database.commit()
        database.execute("VACUUM")
    Path("expected.json").write_text(json.dumps(found, indent=1) + "\n")
