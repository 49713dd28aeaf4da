"""What Lightning's loggers write beside event files and tables is a run's configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.imports.read import read_path
from tests.core.imports.made_files import MADE

HPARAMS = MADE / "lightning" / "hparams.yaml"
CONFIGURATION = {
    "lr": 0.1,
    "optimizer": "sgd",
    "epochs": 6,
    "betas": "[0.9, 0.999]",
    "folder": 'pathlib.PosixPath ["data", "birds"]',
    "activation": "torch.nn.modules.activation.ReLU",
    "model.depth": 18,
    "model.widths": "[64, 128]",
}


@pytest.fixture(params=["events", "table"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "version_0"
    if request.param == "events":
        shutil.copytree(MADE / "tensorboard" / "torch" / "resumed", path)
    else:
        path.mkdir()
        shutil.copy(MADE / "csv" / "lightning.csv", path / "metrics.csv")
    return path


def test_hyperparameters_beside_curves_are_their_runs_configuration(folder: Path) -> None:
    shutil.copy(HPARAMS, folder)

    found = read_path(folder)

    assert [run.configuration for run in found.runs] == [CONFIGURATION]
    assert found.left_out == {}


def test_of_two_runs_each_has_its_own(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "version_1")
    (folder / "hparams.yaml").write_text("lr: 0.5\n")

    runs = read_path(folder.parent).runs

    assert [run.configuration for run in runs] == [{"lr": 0.5}, {}]


def test_a_key_that_event_files_tell_too_is_told_once(tmp_path: Path) -> None:
    shutil.copytree(MADE / "tensorboard" / "lightning" / "version_0", tmp_path / "version_0")
    (tmp_path / "version_0" / "hparams.yaml").write_text("lr: 0.25\nwidth: 8\n")

    (run,) = read_path(tmp_path).runs

    assert run.configuration == {"lr": 0.25, "width": 8, "optimizer": "sgd"}


@pytest.mark.parametrize("text", ["", "a: &a [1]\nb: *a\n", "- 1\n", "note: " + "x" * 64_000 + "\n"])
def test_a_file_that_gives_nothing_is_told(folder: Path, text: str) -> None:
    (folder / "hparams.yaml").write_text(text)

    (run,) = read_path(folder).runs

    assert run.series
    assert "hparams.yaml: left out, as it is no plain YAML of at most 64.0 kB." in run.remarks
