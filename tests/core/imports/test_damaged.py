"""Files that were cut or changed anywhere: a reader gives what is whole, or refuses with a sentence, and ends soon."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.imports.read import read_path
from core.imports.values import Found, ImportFilesError
from tests.core.imports.made_files import MADE, all_points

# Figures of the tools' readers, and configurations, which have no records.
NO_RECORDS = ("expected.json", "params.yaml", "config.yaml", "hparams.yaml")
FILES = sorted(
    path for path in MADE.rglob("*") if path.is_file() and path.suffix != ".py" and path.name not in NO_RECORDS
)
# Of these a reader knows each record by its checksum, so that no figure can be another.
CHECKED = {path for path in FILES if "events.out" in path.name or path.suffix in (".wandb", ".swanlab")}


def damage(content: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    changed = bytearray(content)
    if seed % 2:
        del changed[chance.randrange(len(changed)) :]
    for _ in range(chance.choice((0, 1, 20)) if seed % 2 else chance.choice((1, 3, 100))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def read_or_refuse(path: Path) -> Found:
    try:
        return read_path(path)
    except ImportFilesError:
        return Found(())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(MADE).as_posix())
def test_a_damaged_file_gives_its_whole_records_or_is_refused(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    whole = {run.key: all_points(run) for run in read_or_refuse(path).runs}
    target = tmp_path / path.name
    for seed in range(12):
        target.write_bytes(damage(content, seed))
        for run in read_or_refuse(target).runs:
            if path in CHECKED and run.key in whole:
                for name, points in all_points(run).items():
                    left = iter(whole[run.key][name])
                    assert all(point in left for point in points)  # some of them, in their order


@pytest.mark.parametrize("tool", ["mlflow", "trackio", "dvclive", "clearml", "swanlab"])
def test_a_damaged_file_keeps_no_other_from_being_read(tool: str, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("step,loss\n0,0.5\n")
    for number, path in enumerate(each for each in FILES if each.is_relative_to(MADE / tool)):
        for seed in range(3):
            target = tmp_path / str(number) / str(seed) / path.relative_to(MADE / tool)
            target.parent.mkdir(parents=True)
            target.write_bytes(damage(path.read_bytes(), seed + 100))

    found = read_path(tmp_path)

    assert [run.name for run in found.runs if run.format == "csv" and run.key.startswith("good.csv\n")] == ["good"]
    assert all(isinstance(count, int) and count > 0 for count in found.left_out.values())
