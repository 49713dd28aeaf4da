from __future__ import annotations

from pathlib import Path

import pytest

from core.imports.read import read_path
from core.imports.values import ImportFilesError


def test_an_aim_repository_is_told_to_be_exported(tmp_path: Path) -> None:
    for part in ("meta", "seqs"):
        (tmp_path / ".aim" / part).mkdir(parents=True)
        (tmp_path / ".aim" / part / "index").write_bytes(b"x")
    (tmp_path / ".aim" / "run_metadata.sqlite").write_bytes(b"SQLite format 3\0")

    with pytest.raises(ImportFilesError, match=r"\.aim is a repository of Aim.*aim storage reindex"):
        read_path(tmp_path)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["wandb/run-1/files/wandb-summary.json"], "found in 1 file. Weights & Biases keeps a run in run-ID.wandb."),
        (["1/ab/metrics/loss", "1/ab/params/lr"], "found in 2 files. MLflow keeps a run in a folder with meta.yaml."),
        (["dvclive/params.yaml"], "found in 1 file. DVCLive keeps figures in plots/metrics."),
        (["train.py"], "found in 1 file."),
    ],
)
def test_half_a_folder_is_told_what_it_lacks(files: list[str], sentence: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "logs" / name).write_text("1 0.5 0\n")

    with pytest.raises(ImportFilesError) as refused:
        read_path(tmp_path / "logs")

    assert str(refused.value) == f"logs: no run of a tool that is read here was {sentence}"
