"""Event files as torch, tensorboard and tensorboardX write them, and what TensorBoard's own reader gives for each.

python make_tensorboard.py torch|tensors|tensorboardx|keras|lightning FOLDER     each with its package installed
python make_tensorboard.py clean FOLDER
python make_tensorboard.py expected FOLDER
"""

import json
import math
import re
import sys
from pathlib import Path

HOST = "host"
START = 1_760_000_000.125  # 2025-10-09
FLOATS = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 1e-45, 3.4e38]


def make_torch(folder: Path) -> None:
    """Names with slashes, what is not finite, repeated and falling steps, and a run that was resumed twice."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder / "torch" / "plain run") as writer:
        for index, value in enumerate(FLOATS):
            writer.add_scalar("loss/train/all", value, index, walltime=START + index / 3)
        for step in (5, 5, 3, 2**40, 0):
            writer.add_scalar("falls", step / 7, step, walltime=START + 10)
        writer.add_scalar("tensor", 0.3, 7, walltime=START + 11, new_style=True)
        writer.add_text("note", "some words", 0, walltime=START)
        writer.add_hparams({"lr": 0.1, "optimizer": "sgd", "nesterov": True}, {"hp/accuracy": 0.5}, run_name="trial")
    for part in range(3):
        # Names sort as text, times do not: "10" comes before "2".
        with SummaryWriter(folder / "torch" / "resumed", filename_suffix=f".{(2, 10, 1)[part]}") as writer:
            for step in range(part * 4, part * 4 + 6):
                writer.add_scalar("loss", 1 / (1 + step), step, walltime=START + 100 * part + step)


def make_tensors(folder: Path) -> None:
    """As Keras writes: tensors of several types, the summary's metadata with the first only."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    for name in ("train", "validation"):
        writer = EventFileWriter(str(folder / "keras" / name))
        for step in range(6):
            metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
            for tag, kind in (("epoch_loss", "float32"), ("epoch_acc", "float64"), ("epoch_count", "int64")):
                tensor = make_tensor_proto(
                    step * 0.7 if kind != "int64" else step, dtype=None if kind == "int64" else kind
                )
                value = Summary.Value(tag=tag, tensor=tensor, metadata=metadata if step == 0 else None)
                writer.add_event(Event(wall_time=START + step, step=step, summary=Summary(value=[value])))
        writer.close()


def make_tensorboardx(folder: Path) -> None:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboardx"), write_to_disk=True)
    for index, value in enumerate(FLOATS):
        writer.add_scalar("val/loss", value, index, walltime=START + index)
    writer.add_scalars("both", {"a": 1.0, "b": 2.0}, 3, walltime=START)
    writer.close()


def make_keras(folder: Path) -> None:
    """By Keras' own callback, which needs TensorFlow whatever the backend is: keras 3.15.1, tensorflow 2.21.0."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    points = np.random.default_rng(0).normal(size=(32, 2))
    callbacks = [
        keras.callbacks.TensorBoard(folder / "keras3", update_freq=1, histogram_freq=2, write_graph=False),
        keras.callbacks.CSVLogger(folder.parent / "csv" / "keras.csv"),
    ]
    data = (points, points[:, 0] > 0)
    model.fit(*data, epochs=4, batch_size=8, validation_data=data, callbacks=callbacks, verbose=0)


def make_lightning(folder: Path) -> None:
    """Lightning's own loggers, the training resumed from its checkpoint: lightning 2.6.6, torch 2.15.0."""
    import shutil

    import torch
    from lightning import LightningModule, Trainer, seed_everything
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    class Line(LightningModule):
        def __init__(self, lr=0.1, optimizer="sgd", **others):
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, index):
            loss = self.layer(batch).square().mean()
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch, index):
            self.log_dict({"val_loss": self.layer(batch).square().mean(), "val_acc": 0.5})

        def test_step(self, batch, index):
            self.log("test_acc", 0.25)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), self.hparams.lr)

    seed_everything(1)
    data = torch.utils.data.DataLoader(torch.randn(16, 2), 4)
    events = folder / "lightning" / "version_0"
    for epochs in (3, 6):
        loggers = [TensorBoardLogger(folder, "lightning", version=0), CSVLogger(folder, "tables", version=epochs)]
        trainer = Trainer(max_epochs=epochs, logger=loggers, log_every_n_steps=1, enable_progress_bar=False)
        checkpoint = next(iter(events.rglob("*.ckpt")), None)
        trainer.fit(Line(), data, data, ckpt_path=checkpoint)
        trainer.test(trainer.model, data, verbose=False)
    shutil.copy(folder / "tables" / "version_6" / "metrics.csv", folder.parent / "csv" / "lightning.csv")
    for rest in (folder / "tables", events / "checkpoints"):
        shutil.rmtree(rest)
    (events / "hparams.yaml").unlink()
    make_hparams(folder.parent / "lightning", Line)


def make_hparams(folder: Path, module: type) -> None:
    """The file beside event files and tables alone, with values that YAML knows and those that it does not."""
    import torch
    from lightning.pytorch.core.saving import save_hparams_to_yaml

    others = {"epochs": 6, "betas": (0.9, 0.999), "folder": Path("data/birds"), "activation": torch.nn.ReLU}
    line = module(**others, model={"depth": 18, "widths": [64, 128]})
    folder.mkdir(exist_ok=True)
    save_hparams_to_yaml(folder / "hparams.yaml", line.hparams)


def clean(folder: Path) -> None:
    """Gives the files names without this machine's."""
    for number, path in enumerate(sorted(folder.rglob("events.out.*"))):
        if HOST not in path.name:
            ending = re.search(r"(?<=\.)(2|10|1)$", path.name) if path.parent.name == "resumed" else None
            path.rename(path.with_name(f"events.out.tfevents.1760000000.{HOST}.{ending.group() if ending else number}"))


def write_expected(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    runs = {}
    for parent in sorted({path.parent for path in folder.rglob("events.out.*")}):
        reader = EventAccumulator(str(parent), {"scalars": 0, "tensors": 0}, purge_orphaned_data=False).Reload()
        series = {
            tag: [[each.step, float(each.value).hex(), each.wall_time.hex()] for each in reader.Scalars(tag)]
            for tag in reader.Tags()["scalars"]
        }
        for tag in reader.Tags()["tensors"]:
            plugin = reader.SummaryMetadata(tag).plugin_data.plugin_name
            if plugin == "scalars":
                series[tag] = [
                    [each.step, float(make_ndarray(each.tensor_proto)).hex(), each.wall_time.hex()]
                    for each in reader.Tensors(tag)
                ]
        if parent.name == "resumed":  # TensorBoard takes files in the order of their names as text
            for points in series.values():
                points.sort(key=lambda point: float.fromhex(point[2]))
        runs[parent.relative_to(folder).as_posix()] = series
    (folder / "expected.json").write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    what, target = sys.argv[1], Path(sys.argv[2])
    makers = {
        "torch": make_torch,
        "tensors": make_tensors,
        "tensorboardx": make_tensorboardx,
        "keras": make_keras,
        "lightning": make_lightning,
        "expected": write_expected,
    }
    makers.get(what, clean)(target)
