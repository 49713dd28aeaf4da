"""Files that were damaged after they were written: refused, told, and got over."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch

from core.engine import checkpoint
from core.engine.checkpoint import CheckpointError
from core.runs import metrics
from core.runs.folder import Run
from core.system import files
from core.worker import recorder
from core.worker.recorder import Recorder
from tests.core.same_result import assert_same_result
from tests.core.workers import tiny_spec
from tests.faults.lives import live, new_run
from tests.pages.conftest import texts

EPOCHS = 5
SPEC = tiny_spec(epochs=EPOCHS)


@pytest.fixture
def run(quick_workers: Path) -> Run:
    """A finished run of five epochs, with checkpoints of the last two at least."""
    run = new_run(SPEC)
    assert live(run) == "finished", run.log_tail()
    return run


class Backup:
    """A run's folder, to be given back after each damage."""

    def __init__(self, run: Run, copy: Path) -> None:
        self.path, self.copy = run.path, copy
        shutil.copytree(run.path, copy)

    def restore(self) -> None:
        for folder in ("", "checkpoints", "predictions"):
            for source in (self.copy / folder).iterdir():
                if source.is_file():
                    shutil.copyfile(source, self.path / folder / source.name)


def go_on(run: Run) -> tuple[Recorder, int, list[str]]:
    """What a worker does first that resumes the run: the recorder, the epoch it goes on after, and what it remarks."""
    writer = Recorder(run, "cpu", checkpoint.save)
    state, notes = writer.restore(checkpoint.load, CheckpointError)
    return writer, int(state["epoch"]) if state else 0, notes


def damages(content: bytes, flips: int, cuts: int) -> list[bytes]:
    rng = random.Random(5)
    damaged = []
    for _ in range(flips):
        changed, index = bytearray(content), rng.randrange(8 * len(content))
        changed[index // 8] ^= 1 << index % 8
        damaged.append(bytes(changed))
    return damaged + [content[: rng.randrange(len(content))] for _ in range(cuts)]


def loads_silently(content: bytes) -> bool:
    """Whether safetensors alone takes it."""
    try:
        safetensors.torch.load(content)
    except Exception:  # noqa: BLE001  # however it is refused
        return False
    return True


@pytest.mark.slow
@pytest.mark.promise(
    5,
    "A checkpoint in which a single bit is wrong, or that is cut short, is never loaded; the one before is used, and "
    "the run's page says so.",
    how="2,000 single-bit flips and 300 truncations at random places of a newest checkpoint, each refused and gone on "
    "from the one before; one of each resumed to its end",
    control="safetensors without the SHA-256 takes most of the flips",
)
def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(
    run: Run, tmp_path: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    flips, cuts = (2000, 300) if full else (60, 15)
    backup = Backup(run, tmp_path / "backup")
    before, newest = run.checkpoints()[-2:]
    damaged = damages(newest.path.read_bytes(), flips, cuts)
    for content in damaged:
        newest.path.write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged"):
            checkpoint.load(newest.path, newest.sha256)
        _, epoch, notes = go_on(run)
        assert epoch == before.epoch == EPOCHS - 1
        assert newest.name in notes[0]
        assert notes[-1] == f"Went on from {before.name}, after epoch {before.epoch}."
        assert len(run.rows()) == before.epoch
        backup.restore()
    silent = sum(map(loads_silently, damaged))
    assert silent > flips / 4, "control: without the hash most flips load"
    record_figure(
        f"{flips:,} flips and {cuts} truncations: all refused, the one before used; safetensors alone takes {silent:,}"
    )


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_run_that_went_on_from_the_checkpoint_before_ends_alike_and_its_page_says_so(
    run: Run, tmp_path: Path, open_page: Callable, damage: str
) -> None:
    whole = Run(shutil.copytree(run.path, tmp_path / run.id))
    newest = run.checkpoints()[-1]
    content = newest.path.read_bytes()
    newest.path.write_bytes(damages(content, 1, 0)[0] if damage == "flip" else content[:-100])
    files.write_json(run.path / "end.json", {"state": "stopped", "reason": "", "metrics": {}})
    assert live(run) == "finished", run.log_tail()
    assert_same_result(run, whole)
    for tab in ("Charts", "Summary"):
        page = texts(open_page("run", id=run.id, tab=tab))
        assert f"The checkpoint {newest.name} is damaged" in page
        assert "Went on from" in page


def heal(run: Run, lines: list[bytes]) -> int:
    """Goes on as a worker does, and appends the epochs that are then missing; the epoch it went on after."""
    writer, epoch, _ = go_on(run)
    for line in lines[epoch:]:
        recorder._append(writer.metrics, line)
    return epoch


@pytest.mark.promise(
    6,
    "However `metrics.jsonl` is cut, all whole lines are shown, and what is appended after a resume stands in a line "
    "of its own.",
    how="cut at every byte of its last three lines, read cold and warm, then resumed: from the checkpoint that a crash "
    "there leaves, and with later checkpoints already there",
    control="pandas' reader refuses a half line; appending without cutting back loses a line",
)
def test_metrics_cut_at_any_byte_show_all_whole_lines_and_heal(
    run: Run, tmp_path: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    path = run.path / "metrics.jsonl"
    content, rows = path.read_bytes(), run.rows()
    lines = content.splitlines(keepends=True)
    begin = len(content) - sum(map(len, lines[-3:]))
    backup, cuts = Backup(run, tmp_path / "backup"), range(begin, len(content), 1 if full else 41)
    manifest = run.path / "checkpoints" / "manifest.json"
    listed = files.read_json(manifest)["checkpoints"]
    for cut in cuts:
        whole = content[:cut].count(b"\n")
        assert run.rows() == rows  # this reader knows all lines, and finds them gone
        path.write_bytes(content[:cut])
        assert run.rows() == rows[:whole]
        metrics.forget(path)
        assert run.rows() == rows[:whole]
        assert list(run.metrics()["epoch"]) == [row["epoch"] for row in rows[:whole]]

        # A crash while the line was written: no checkpoint is ahead of it.
        files.write_json(manifest, {"checkpoints": [entry for entry in listed if entry["epoch"] <= whole]})
        assert heal(run, lines) <= whole
        assert path.read_bytes() == content
        backup.restore()

        # Damage done later: the checkpoints go on, and each epoch still has its line.
        path.write_bytes(content[:cut])
        went_on_after = heal(run, lines)
        shown = run.rows()
        assert [row["epoch"] for row in shown] == list(range(1, EPOCHS + 1))
        assert shown[:whole] == rows[:whole]
        assert shown == rows or went_on_after > whole
        backup.restore()
    record_figure(f"{len(cuts):,} cuts: every whole line shown, every line healed")


def test_control_a_plain_reader_refuses_a_half_line_and_a_plain_writer_loses_one(run: Run) -> None:
    path = run.path / "metrics.jsonl"
    content = path.read_bytes()
    line = content.splitlines(keepends=True)[-1]
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match=r"end of string|Expected|Unmatched|Unexpected"):
        pd.read_json(path, lines=True)
    with open(path, "ab") as file:
        file.write(line)
    assert len(run.rows()) == EPOCHS - 1
