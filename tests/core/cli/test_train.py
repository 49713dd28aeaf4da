"""Training from the command line, with real processes: what goes on without it, and what ends with it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.checks import UNASKED_IMAGES
from core.runs.store import open_run
from tests.core.workers import tiny_spec, wait_for
from tests.lab_server import ROOT


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "core", *arguments]


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def tiny(lab_folders: Path) -> Path:
    file = lab_folders / "tiny.json"
    file.write_text(tiny_spec(epochs=2).model_dump_json())
    return file


@pytest.fixture
def clean_up(lab_folders: Path) -> Iterator[None]:
    """Whatever a test leaves training is ended by its own id."""
    yield
    for path in (lab_folders / "runs").glob("2*"):
        open_run(path.name).kill()


@pytest.mark.slow
def test_a_training_prints_its_id_its_epochs_and_its_results(tiny: Path, clean_up: None) -> None:
    done = run_command("train", str(tiny), "--name", "t", "--tag", "x")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    run = open_run(lines[0])
    assert run.state() == "finished"
    assert (run.about.name, run.about.tags) == ("t", ("x",))
    assert [line.partition("  ")[0] for line in lines[1:3]] == ["epoch 1/2", "epoch 2/2"]
    figures = (run.end() or {})["metrics"]
    shown = {line.rpartition("  ")[0].partition("  ")[0]: line for line in lines[3:]}
    for key in ("test/accuracy", "test/accuracy_best"):
        assert f"{100 * figures[key]:.2f} %" in shown["test accuracy"]
    assert f"{run.summary().parameters:,}" in shown["parameters"]
    assert done.stderr == ""


def _interrupt_after(lines: int, *arguments: str) -> tuple[int, str, str]:
    """Presses Ctrl+C once the command has printed so many lines; its exit code and outputs."""
    process = subprocess.Popen(command(*arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    read = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=120)
    assert "Traceback" not in told
    return process.returncode, "".join(read) + rest, told


@pytest.mark.slow
def test_training_goes_on_without_the_command_until_it_is_stopped_and_resumed(tiny: Path, clean_up: None) -> None:
    started = run_command("train", str(tiny), "--detach", "--seeds", "2", "-s", "train.epochs=5000")
    assert started.returncode == 0
    assert "goes on in the background" in started.stderr
    first, second = (open_run(run_id) for run_id in started.stdout.split())
    assert [run.spec.train.seed for run in (first, second)] == [0, 1]

    code, _, told = _interrupt_after(1, "follow", first.id)
    assert (code, "The training goes on." in told) == (0, True)
    assert (first.state(), second.state()) == ("running", "queued")

    # The waiting one first, or it would take the free slot.
    assert run_command("stop", second.id).returncode == 0
    wait_for(lambda: second.state() == "stopped")
    assert run_command("stop", first.id[-6:]).returncode == 0
    wait_for(lambda: first.state() == "stopped")
    assert first.checkpoints()

    epochs = len(first.rows())
    code, shown, told = _interrupt_after(epochs + 2, "resume", first.id, "--follow")
    assert code == 3, told
    assert shown.startswith(f"{first.id}\nepoch 1/5000  ")
    assert first.state() == "stopped"
    assert len(first.rows()) > epochs
    assert "Stopping after the current step, with a checkpoint" in told
    assert f"python -m core resume {first.id}" in told


@pytest.mark.slow
def test_a_failed_training_has_exit_code_1_and_its_reason(tiny: Path, lab_folders: Path, clean_up: None) -> None:
    for name in ("cat", "dog"):
        (lab_folders / "images" / name).mkdir(parents=True)
        for place in range(UNASKED_IMAGES // 2 + 1):  # so many are decoded by the run alone
            (lab_folders / "images" / name / f"{place}.png").write_bytes(b"no image")
    settings = ["data.dataset=folder", f"data.folder={lab_folders / 'images'}", "data.folder_classes=2"]
    done = run_command("train", str(tiny), *[f"--set={setting}" for setting in settings])
    run = open_run(done.stdout.splitlines()[0])
    assert run.state() == "failed"
    assert done.returncode == 1
    assert run.summary().reason in done.stderr
    assert f"python -m core show {run.id} --log" in done.stderr
