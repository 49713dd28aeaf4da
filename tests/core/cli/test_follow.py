"""Runs are followed in a terminal or a pipe, and stopped from there."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from core.cli.follow import Bars, Interrupts, make_bars, watch_runs
from core.runs.folder import Run
from core.runs.records import ProgressRecord
from tests.pages.sample_runs import make_run


def test_following_a_finished_run_shows_its_results_at_once(core: Callable[..., Result], finished: str) -> None:
    shown = core("follow", finished)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("epoch 1/2  train loss 2.0000  val loss 2.1000  val accuracy 50.00 %")
    assert lines[1].startswith("epoch 2/2  train loss –")
    assert "best on validation (epoch 1)" in shown.stdout
    assert "25.00 %" in shown.stdout
    assert "75.00 %" in shown.stdout


def watch(run: Run, monkeypatch: pytest.MonkeyPatch, *, stops: bool) -> tuple[dict[str, str], list[str]]:
    """Watches a run that trains while Ctrl+C is pressed once per look; the states at the end, and what was asked."""
    interrupts, asked, state = Interrupts(), list[str](), ["running"]

    def press(_: float) -> None:
        interrupts.pressed += 1

    def kill(run_id: str) -> None:
        asked.append(f"kill {run_id}")
        state[0] = "interrupted"

    monkeypatch.setattr(Run, "state", lambda _: state[0])
    monkeypatch.setattr("core.launch.launcher.request_stop", lambda run_id: asked.append(f"stop {run_id}"))
    monkeypatch.setattr("core.launch.launcher.kill_run", kill)
    return watch_runs([run], interrupts, stops=stops, wait=press), asked


def test_the_first_interrupt_stops_a_run_and_the_second_ends_it(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("interrupted")
    states, asked = watch(run, monkeypatch, stops=True)
    assert states == {run.id: "interrupted"}
    assert asked == [f"stop {run.id}", f"kill {run.id}"]
    shown = capsys.readouterr()
    assert [line.split("  ")[0] for line in shown.out.splitlines()] == [f"epoch {number}/5" for number in range(1, 6)]
    assert "Ctrl+C again ends it at once" in shown.err


def test_an_interrupt_of_mere_watching_leaves_the_run_alone(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("interrupted")
    assert watch(run, monkeypatch, stops=False) == ({run.id: "running"}, [])
    assert capsys.readouterr().err == "The training goes on.\n"


def test_a_deleted_run_ends_the_watching(lab_folders: Path) -> None:
    run = make_run()
    shutil.rmtree(run.path)
    assert watch_runs([run], Interrupts(), stops=True) == {run.id: "deleted"}


def test_a_bar_shows_the_epoch_under_way_its_loss_and_the_time_left(lab_folders: Path) -> None:
    run = make_run("interrupted", epochs_done=2, name="[red]net")
    screen = io.StringIO()
    bars = make_bars(Console(file=screen, force_terminal=True, width=120, color_system=None))
    display = Bars([run], bars)
    display.show_epoch(run, run.rows()[-1])
    progress: ProgressRecord = {"phase": "train", "epoch": 3, "step": 1, "steps": 4, "loss": 0.5, "seconds_left": 20.0}
    display.show_state(run, "running", progress)
    (task,) = bars.tasks
    assert (task.description, task.total, task.completed) == ("[red]net", 5, 2.25)
    accuracy = f"{100 * run.rows()[-1]['val/accuracy']:.2f}"
    assert task.fields["facts"] == f"epoch 3/5  loss 0.500  val {accuracy} %  20 s left"
    display.show_state(run, "running", {})
    assert bars.tasks[0].fields["facts"] == "starting"
    display.show_state(run, "stopped", progress)
    assert bars.tasks[0].fields["facts"].startswith("stopped  epoch 2/5")
    with bars:
        pass
    assert "[red]net" in screen.getvalue()
