"""TensorBoard's own reader finds every curve at the right step and time, and the spec as hyperparameters."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from core.export.tensorboard import write_events
from core.imports.keep import publish_foreign
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec.fields import flatten
from core.system import files
from tests.core.export.conftest import START
from tests.core.imports.foreign_runs import make_foreign, make_series
from tests.pages.sample_runs import EPOCHS


def read(run: Run, folder: Path) -> EventAccumulator:
    buffer = io.BytesIO()
    write_events([run], buffer)
    zipfile.ZipFile(buffer).extractall(folder)
    found = EventAccumulator(str(folder / run.id))
    found.Reload()
    return found


def test_every_figure_stands_at_its_step_and_time(run: Run, tmp_path: Path) -> None:
    found = read(run, tmp_path)
    rows = run.rows()
    assert len(rows) == EPOCHS
    for tag in ("train/loss", "val/accuracy", "learning_rate", "images_per_second", "epoch"):
        told = [(event.step, event.wall_time, event.value) for event in found.Scalars(tag)]
        assert told == [(row["step"], START + row["seconds"], pytest.approx(row[tag], rel=1e-6)) for row in rows], tag
    (test,) = found.Scalars("test/accuracy")
    assert (test.step, test.wall_time) == (rows[-1]["step"], START + rows[-1]["seconds"])
    assert test.value == pytest.approx(0.8)
    assert not {"step", "seconds", "not_finite", "best/epoch"} & set(found.Tags()["scalars"])


def test_a_loss_that_was_no_number_is_marked_and_not_left_out(run: Run, tmp_path: Path) -> None:
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(files.to_line({**run.rows()[-1], "epoch": 6, "step": 144, "train/loss": math.nan}))
    assert math.isnan(read(run, tmp_path).Scalars("train/loss")[-1].value)


def test_infinities_keep_their_sign(run: Run, tmp_path: Path) -> None:
    lost = {"train/loss": math.inf, "val/loss": -math.inf, "val/accuracy": math.nan}
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(files.to_line({**run.rows()[-1], "epoch": 6, "step": 144, **lost}))
    found = read(run, tmp_path)
    assert found.Scalars("train/loss")[-1].value == math.inf
    assert found.Scalars("val/loss")[-1].value == -math.inf
    assert math.isnan(found.Scalars("val/accuracy")[-1].value)


def test_what_another_tool_logged_leaves_with_every_point_and_its_sign(runs: Path, tmp_path: Path) -> None:
    series = {
        "loss": make_series([1, 2, 2, 1], [math.inf, -math.inf, math.nan, 0.5]),
        "other": make_series([5], [2.5]),
    }
    run = open_run(publish_foreign(make_foreign(series=series, configuration={"lr": 0.1}), {}))
    found = read(run, tmp_path)
    told = found.Scalars("loss")
    assert [event.step for event in told] == [1, 2, 2, 1]
    np.testing.assert_array_equal([event.value for event in told], series["loss"].values)
    np.testing.assert_array_equal([event.wall_time for event in told], series["loss"].times)
    assert [(event.step, event.value) for event in found.Scalars("other")] == [(5, 2.5)]
    assert [event.value for event in found.Scalars("test_acc")] == [61.5]


def test_the_spec_stands_in_the_hparams_tab(run: Run, tmp_path: Path) -> None:
    found = read(run, tmp_path)

    def content(tag: str) -> plugin_data_pb2.HParamsPluginData:
        return plugin_data_pb2.HParamsPluginData.FromString(found.SummaryMetadata(tag).plugin_data.content)

    told = content("_hparams_/session_start_info").session_start_info
    fields = flatten(run.spec)
    assert set(told.hparams) == set(fields)
    assert told.hparams["train.learning_rate"].number_value == fields["train.learning_rate"]
    assert told.hparams["train.optimizer"].string_value == fields["train.optimizer"]
    assert told.hparams["augment.flip"].bool_value is fields["augment.flip"]
    assert told.start_time_secs == START
    metrics = {info.name.tag for info in content("_hparams_/experiment").experiment.metric_infos}
    assert metrics == {"val/accuracy", "val/loss", "test/accuracy", "test/loss", "test/accuracy_best"}
    assert metrics <= set(found.Tags()["scalars"])


def test_writing_event_files_imports_neither_torch_nor_tensorflow() -> None:
    code = "import sys, core.export.tensorboard; sys.exit(bool({'torch', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
