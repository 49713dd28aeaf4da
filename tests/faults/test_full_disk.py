"""A disk that is really full: a small file system of its own, filled to the last block."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.engine import checkpoint
from core.launch.launcher import LauncherError, resume_run
from core.runs.folder import Run
from tests.core.same_result import assert_same_result
from tests.core.workers import start_worker, tiny_spec, wait_for, wait_for_state
from tests.faults import breakage
from tests.faults.lives import live, new_run, strays
from tests.strict_json import assert_strict_json

SPEC = tiny_spec(epochs=20)
MEGABYTES = 8
PROMISE = {
    "how": "a run trains on a tmpfs of 8 MB that is filled up at a random epoch; Resume while it is full, then after "
    "room is made",
    "control": "without the space that a worker reserves, the run cannot say why it ended",
}


@pytest.fixture
def small_disk(lab_folders: Path) -> Iterator[Path]:
    """The runs folder on a file system of a few megabytes; skips where none may be mounted."""
    runs = lab_folders / "runs"
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(runs)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount on this system")
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here (needs root): {done.stderr.strip()}")
    try:
        yield runs
    finally:
        subprocess.run(["umount", "--lazy", str(runs)], check=True)


@pytest.fixture
def small_lab(small_disk: Path, quick_workers: Path) -> Path:
    """Workers train on the small disk, and are gone before it is."""
    return quick_workers


def fill(folder: Path) -> Path:
    """A file that takes every block that is left."""
    ballast = folder / ".ballast"
    with open(ballast, "ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return ballast


def fill_in_epoch(run: Run, epoch: int) -> Path:
    """Starts the run and fills its disk when it has done so many epochs."""
    start_worker(run)
    wait_for(lambda: len(run.rows()) >= epoch)
    return fill(run.path.parent)


@pytest.mark.slow
@pytest.mark.promise(
    4,
    'A full disk ends a run as failed, with "disk full"; the checkpoints before are whole, and with room again it '
    "resumes identically, leaving no temporary file.",
    **PROMISE,
)
def test_a_full_disk_is_told_and_nothing_is_lost(
    small_lab: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    rng, times = random.Random(4), 20 if full else 1
    undisturbed = new_run(SPEC)
    assert live(undisturbed) == "finished", undisturbed.log_tail()
    for _ in range(times):
        run = new_run(SPEC)
        ballast = fill_in_epoch(run, rng.randrange(2, 8))
        assert wait_for_state(run, "failed", "finished", "interrupted") == "failed", run.log_tail()
        assert (run.end()["kind"], "disk full" in run.summary().reason) == ("disk_full", True)
        # An epoch's line is written before its checkpoint, so at most the last epoch is without.
        assert run.checkpoints()[-1].epoch >= len(run.rows()) - 1
        for entry in run.checkpoints():
            assert checkpoint.load(entry.path, entry.sha256)["epoch"] == entry.epoch
        assert_strict_json(run.path)
        resume_while_full(run)
        ballast.unlink()
        assert live(run) == "finished", run.log_tail()
        assert_same_result(run, undisturbed)
        assert strays(run) == []
    record_figure(f"{times} times full: failed with the reason, resumed identically, no file left unfinished")


def resume_while_full(run: Run) -> None:
    """It is refused, or fails again for the same reason; the run stays as it was."""
    try:
        resume_run(run.id)
    except LauncherError as error:
        assert "No space left" in str(error)  # noqa: PT017  # either is right
    assert wait_for_state(run, "failed", "finished", "interrupted") == "failed"
    assert "disk full" in run.summary().reason


def test_control_without_space_put_aside_a_full_disk_cannot_be_told(small_lab: Path) -> None:
    def end_on_full_disk() -> str:
        run = new_run(SPEC)
        start_worker(run, breakage.reserve_nothing)
        wait_for(lambda: len(run.rows()) >= 2)
        ballast = fill(run.path.parent)
        state = wait_for_state(run, "failed", "interrupted")
        ballast.unlink()
        return state

    # A file that is written anew while the disk fills up may leave room for the last word, once in a while.
    assert any(end_on_full_disk() == "interrupted" for _ in range(3))
