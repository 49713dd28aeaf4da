"""Many points as each tool writes them, and what the tool's own reader gives for them.

python make_many.py TOOL FOLDER POINTS     with the tool's package installed; `tools.exact_imports` does all of it

The tool's files go to FOLDER/files. FOLDER/expected.json names each series with its number of points; expected.bin
beside it has the steps (int64), values and times (float64, NaN for none) of one after the other.
"""

import csv
import importlib.util
import json
import math
import os
import random
import struct
import subprocess
import sys
import time
from array import array
from pathlib import Path

START = 1_760_000_000.125  # 2025-10-09
SPECIAL = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1e-45, 3.4e38, 1e308, -1e-300]
NAME, OTHER = "train/loss", "val/acc"


def make_values(points):
    """Any double: every sign, exponent and mantissa, with what is special first and again in the midst."""
    chance = random.Random(20_251_009)
    for index in range(points):
        if index % 5000 < len(SPECIAL):
            yield SPECIAL[index % 5000]
        elif index % 3 == 0:
            yield struct.unpack("<d", chance.getrandbits(64).to_bytes(8, "little"))[0]
        else:
            yield 2.5 / (1 + index / 1000) + chance.gauss(0, 0.1)


def make_steps(points):
    """Mostly one after the other; some come twice, and now and then they fall back, as after a resume."""
    step = 0
    for index in range(points):
        yield step
        step += -40 if index % 1000 == 999 else 0 if index % 100 == 99 else 1


def make_points(points):
    return zip(make_steps(points), make_values(points), strict=False)


# Written and read by each tool --------------------------------------------------------------------------------------
# Each takes the folder and the number of points, and returns {name: (steps, values, times)}.


def use_tensorboard(folder, points):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:
        for index, (step, value) in enumerate(make_points(points)):
            writer.add_scalar(NAME, value, step, walltime=START + index / 7)
            if index % 10 == 0:
                writer.add_scalar(OTHER, index / points, step, walltime=START + index / 7, new_style=True)
    return read_events(folder)


def use_tensorboardx(folder, points):
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder), write_to_disk=True)
    for index, (step, value) in enumerate(make_points(points)):
        writer.add_scalar(NAME, value, step, walltime=START + index / 7)
    writer.close()
    return read_events(folder)


def use_lightning(folder, points):
    from lightning.pytorch.loggers import TensorBoardLogger

    logger = TensorBoardLogger(folder, "run", version=0)
    logger.log_hyperparams({"lr": 0.1, "model": {"depth": 18}})
    for step, value in make_points(points):
        logger.log_metrics({NAME: value}, step)
    logger.finalize("success")
    return read_events(folder / "run" / "version_0")


def use_keras(folder, points):
    """An epoch of so many batches: Keras' callback writes each batch's figures."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    data = np.random.default_rng(0).normal(size=(points, 2))
    callback = keras.callbacks.TensorBoard(folder, update_freq=1, write_graph=False)
    model.fit(data, data[:, 0], batch_size=1, callbacks=[callback], verbose=0)
    return read_events(folder / "train")


def read_events(folder):
    """All tools write the same files, and TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    reader = EventAccumulator(str(folder), {"scalars": 0, "tensors": 0}, purge_orphaned_data=False).Reload()
    found = {}
    for tag in reader.Tags()["scalars"]:
        found[tag] = [(each.step, float(each.value), each.wall_time) for each in reader.Scalars(tag)]
    for tag in reader.Tags()["tensors"]:
        if reader.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            found[tag] = [
                (each.step, float(make_ndarray(each.tensor_proto)), each.wall_time) for each in reader.Tensors(tag)
            ]
    return to_columns(found)


def use_guild(folder, points):
    """What a script prints becomes scalars; a line of NaN or infinity is not taken, and no times are kept."""
    work = folder.parent / "work"
    work.mkdir()
    (folder.parent / "home").mkdir()
    lines = [f"step: {step}\nloss: {value!r}" for step, value in make_points(points) if math.isfinite(value)]
    (work / "lines.txt").write_text("\n".join(lines))
    (work / "train.py").write_text("print(open('lines.txt').read())\n")
    (work / "guild.yml").write_text("train:\n  sourcecode: ['*.py', lines.txt]\n  requires:\n    - file: lines.txt\n")
    guild = Path(sys.executable).with_name("guild")
    subprocess.run([guild, "-H", folder.parent / "home", "run", "train", "-y"], cwd=work, check=True)
    (events,) = [path.parent for path in (folder.parent / "home").rglob("events.out.*")]
    found = {name: (steps, values, [math.nan] * len(steps)) for name, (steps, values, _) in read_events(events).items()}
    next(iter(events.glob("events.out.*"))).rename(folder / "events.out.tfevents.guild")
    return found


def use_wandb(folder, points):
    """W&B drops steps that go back; read with its own messages, and the reader that 0.19.11 still had (DATASTORE)."""
    import wandb
    from wandb.proto import wandb_internal_pb2 as messages

    settings = {"x_disable_stats": True, "x_disable_meta": True, "x_disable_machine_info": True}
    with wandb.init(project="many", name="many", dir=folder, settings=wandb.Settings(**settings)) as run:
        for index, value in enumerate(make_values(points)):
            run.log({NAME: value, **({OTHER: index / points} if index % 10 == 0 else {})}, step=3 * index)
    spec = importlib.util.spec_from_file_location("datastore", os.environ["DATASTORE"])
    wandb._assert_is_internal_process = True
    datastore = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(datastore)
    store, found = datastore.DataStore(), {}
    store.open_for_scan(str(next(folder.rglob("*.wandb"))))
    while (data := store.scan_data()) is not None:
        record = messages.Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            row = {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
            for name, value in row.items():
                if not name.startswith("_"):
                    found.setdefault(name, []).append((row["_step"], as_number(record, name, value), row["_timestamp"]))
    return to_columns(found)


def as_number(record, name, value):
    """JSON has no -0: Python reads it as a whole number, without its sign."""
    if value == 0:
        (text,) = [item.value_json for item in record.history.item if ".".join(item.nested_key) == name]
        return float(text)
    return float(value)


def use_mlflow(folder, points):
    os.chdir(folder)
    return log_to_mlflow("sqlite:///mlflow.db", points)


def use_mlflow_files(folder, points):
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    return log_to_mlflow((folder / "mlruns").as_uri(), points)


def log_to_mlflow(uri, points):
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("many")).info.run_id
    batch = []
    for index, (step, value) in enumerate(make_points(points)):
        batch.append(Metric(NAME, value, int(1000 * START) + index, step))
        if len(batch) == 1000:
            client.log_batch(run, batch)
            batch = []
    client.log_batch(run, batch)
    client.set_terminated(run)
    history = client.get_metric_history(run, NAME)
    return to_columns({NAME: [(each.step, each.value, each.timestamp / 1000) for each in history]})


def use_trackio(folder, points):
    os.environ |= {"TRACKIO_DIR": str(folder), "TRACKIO_AUTO_LOG_GPU": "0", "HF_HUB_OFFLINE": "1"}
    from datetime import datetime

    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    trackio.init(project="many", name="many", embed=False)
    for step, value in make_points(points):
        trackio.log({NAME: value}, step=step)
    trackio.finish()
    (record,) = SQLiteStorage.get_run_records("many")
    rows = SQLiteStorage.get_logs("many", record["name"], run_id=record["id"])
    times = [datetime.fromisoformat(row["timestamp"]).timestamp() for row in rows]
    found = [(row["step"], float(row[NAME]), time) for row, time in zip(rows, times, strict=False)]
    return to_columns({NAME: found})


def use_dvclive(folder, points):
    """The table of a figure is what DVC plots; read as it reads it, by the names of the columns."""
    os.environ["DVC_NO_ANALYTICS"] = "true"
    from dvclive import Live

    with Live(str(folder / "dvclive"), save_dvc_exp=False, report=None, dvcyaml=None) as live:
        for step, value in make_points(points):
            live.step = step
            live.log_metric(NAME, value, timestamp=True)
    with open(folder / "dvclive" / "plots" / "metrics" / f"{NAME}.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return to_columns({NAME: [(int(row["step"]), float(row["loss"]), int(row["timestamp"]) / 1000) for row in rows]})


def use_swanlab(folder, points):
    """Of a step that comes twice SwanLab keeps the first; it is read with its own reader and messages."""
    os.environ |= {"SWANLAB_SAVE_DIR": str(folder), "SWANLAB_LOG_DIR": str(folder), "SWANLAB_MODE": "local"}
    import swanlab
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    swanlab.init(project="many", name="many", mode="local", log_dir=str(folder))
    for step, value in make_points(points):
        swanlab.log({NAME: value}, step=step)
    swanlab.finish()
    store, found = DataStoreReader(), {}
    store.open(next(folder.rglob("*.swanlab")))
    for data in store:
        record = Record.FromString(data)
        if record.HasField("scalar"):
            scalar = record.scalar
            time = scalar.timestamp.seconds + scalar.timestamp.nanos / 1e9
            found.setdefault(scalar.key, []).append((scalar.step, scalar.value.number, time))
    return to_columns(found)


def use_clearml(folder, points):
    """ClearML has no reader of a session but its server: the lines are read as the JSON that they are."""
    os.environ |= {
        "CLEARML_CACHE_DIR": str(folder.parent / "cache"),
        "CLEARML_SKIP_PIP_FREEZE": "1",
        "CLEARML_VCS_REPO_URL": "none",
    }
    from clearml import Task

    Task.set_offline(offline_mode=True)
    switches = ("frameworks", "arg_parser", "streams")
    off = {f"auto_connect_{name}": False for name in switches} | {"auto_resource_monitoring": False}
    task = Task.init(project_name="many", task_name="many", **off)
    for step, value in make_points(points):
        task.get_logger().report_scalar("loss", "train", value, step)
    task.close()
    session = Path(task.get_offline_mode_folder())
    found = {}
    for line in (session / "metrics.jsonl").read_text().splitlines():
        for report in json.loads(line):
            name = f"{report['metric']}/{report['variant']}"
            found.setdefault(name, []).append((report["iter"], float(report["value"]), report["timestamp"] / 1000))
    session.with_suffix(".zip").rename(folder / "session.zip")
    return to_columns(found)


def use_keras_csv(folder, points):
    """A row an epoch, as Keras' callback writes it: the text of NumPy's float32."""
    import keras
    import numpy as np

    logger = keras.callbacks.CSVLogger(folder / "history.csv")
    logger.set_model(keras.Sequential())
    logger.on_train_begin()
    for epoch, value in enumerate(make_values(points)):
        with np.errstate(over="ignore"):
            logger.on_epoch_end(epoch, {"accuracy": np.float32(value), "loss": value})
    logger.on_train_end()
    return read_csv(folder / "history.csv", "epoch", ("accuracy", "loss"))


def use_lightning_csv(folder, points):
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(folder, "run", version=0, flush_logs_every_n_steps=points)
    logger.log_hyperparams({"lr": 0.1, "model": {"depth": 18}})
    for step, value in make_points(points):
        logger.log_metrics({"train_loss": value}, step)
    logger.save()
    return read_csv(folder / "run" / "version_0" / "metrics.csv", "step", ("train_loss",))


def use_pandas(folder, points):
    import pandas

    steps, values = zip(*make_points(points), strict=False)
    times = [START + index / 7 for index in range(points)]
    table = pandas.DataFrame({"step": steps, "time": times, "loss": values})
    table.to_csv(folder / "table.csv", index=False, na_rep="nan")
    table = pandas.read_csv(folder / "table.csv", float_precision="round_trip")
    return {"loss": (table["step"].tolist(), table["loss"].tolist(), table["time"].tolist())}


def read_csv(path, step, names):
    """By Python's own reader: neither Keras nor Lightning has one."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return to_columns({name: [(int(row[step]), float(row[name]), math.nan) for row in rows] for name in names})


def use_aim(folder, points):
    """Written by Aim, exported with the line that the lab's message gives (EXPORT), and read by Aim itself."""
    import aim

    run = aim.Run(repo=str(folder.parent), system_tracking_interval=None, capture_terminal_logs=False)
    for step, value in enumerate(make_values(points)):
        run.track(value, name="loss", step=step)
    run.close()
    del run
    aim_command = Path(sys.executable).with_name("aim")
    subprocess.run([aim_command, "storage", "reindex"], cwd=folder.parent, check=True, input=b"y\n")
    command = os.environ["EXPORT"].replace("python", sys.executable, 1)
    subprocess.run(command, shell=True, cwd=folder.parent, check=True)
    (folder.parent / "aim.csv").rename(folder / "aim.csv")
    found = {}
    for each in aim.Repo(str(folder.parent)).query_metrics():
        metric = each if hasattr(each, "data") else next(iter(each))
        steps, (values, _, times) = metric.data.items_list()
        found[metric.name] = list(zip(steps, values, times, strict=False))
    return to_columns(found)


def to_columns(series):
    return {name: tuple(zip(*points, strict=False)) for name, points in series.items()}


def main():
    tool, folder, points = sys.argv[1], Path(sys.argv[2]).resolve(), int(sys.argv[3])
    (folder / "files").mkdir(parents=True)
    began = time.perf_counter()
    expected = globals()[f"use_{tool}"](folder / "files", points)
    with open(folder / "expected.bin", "wb") as file:
        for steps, values, times in expected.values():
            for kind, column in (("q", steps), ("d", values), ("d", times)):
                array(kind, column).tofile(file)
    counts = {name: len(columns[0]) for name, columns in expected.items()}
    seconds = time.perf_counter() - began
    (folder / "expected.json").write_text(json.dumps({"series": counts, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
