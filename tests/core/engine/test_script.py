"""What a standalone script adds to the engine: its flags, its files, its packed data."""

import base64
import csv
import lzma
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.data.store import DataError
from core.engine import script
from core.engine.data import arrange, load_data
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.stats.betas import quantile_table
from tests.folders import make_folder


def spec_of(**data: Any) -> RunSpec:
    return parse_spec({"data": data, "train": {"device": "cpu"}})


@pytest.mark.parametrize(
    ("data", "flags"),
    [
        ({"dataset": "digits"}, {"out", "device", "threads"}),
        ({"dataset": "cifar10"}, {"out", "device", "threads", "data", "download"}),
        ({"dataset": "folder", "folder": "/images", "folder_classes": 2}, {"out", "device", "threads", "data"}),
    ],
)
def test_flags_are_those_that_the_data_set_needs(
    data: dict[str, Any], flags: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "SPEC", spec_of(**data))
    monkeypatch.setattr(sys, "argv", ["train.py"])
    found = vars(script.parse_arguments())
    assert found.keys() == flags
    assert found["device"] == "cpu"
    assert found.get("data") == {"folder": "/images", "cifar10": "data"}.get(data["dataset"])


def test_a_data_set_that_is_not_there_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "SPEC", spec_of(dataset="cifar10"))
    monkeypatch.setattr(sys, "argv", ["train.py", "--data", str(tmp_path)])
    with pytest.raises(DataError, match=r"name its folder by --data, or --download it\.$"):
        script.read_download(script.parse_arguments())


def test_quantiles_come_back_to_the_bit_and_only_those_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = quantile_table(0.4)
    steps = np.diff(table.view(np.int32), prepend=np.int32(0)).astype("<i4").tobytes()
    monkeypatch.setattr(script, "QUANTILES", {0.4: base64.b85encode(lzma.compress(steps)).decode()})
    assert script.beta_quantiles(0.4).numpy().tobytes() == table.tobytes()
    with pytest.raises(ValueError, match=r"no quantiles for an alpha of 0\.5"):
        script.beta_quantiles(0.5)


def test_metrics_are_written_with_all_their_digits(tmp_path: Path) -> None:
    rows: list[Any] = [{"epoch": 1, "val/loss": 1 / 3}, {"epoch": 2, "val/loss": 2e-17}]
    script.write_metrics(rows, tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open() as file:
        assert [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)] == rows


def test_a_folder_is_read_with_the_same_pixels_as_in_the_lab(
    lab_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_folder(tmp_path / "images", {"cat": 6, "dog": 6})
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 60).save(root / "cat" / "deep.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 90)).save(root / "dog" / "clear.png")
    (root / "dog" / "broken.png").write_text("no image")
    data = {"dataset": "folder", "folder": str(root), "folder_classes": 2, "image_size": 16}
    spec = spec_of(**data, ground="grey", damaged="leave_out")
    monkeypatch.setattr(script, "SPEC", spec)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    source = script.read_folder(script.parse_arguments())
    assert arrange(source, spec.data).fingerprint == load_data(spec.data).fingerprint
    assert "Left out: dog/broken.png (it is none of" in capsys.readouterr().err
    monkeypatch.setattr(script, "SPEC", spec_of(**data))
    with pytest.raises(DataError, match=r"dog/broken\.png cannot be decoded"):
        script.read_folder(script.parse_arguments())
