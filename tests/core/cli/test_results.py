"""The closing table of runs, and the exit code."""

from collections.abc import Callable

import pytest
from typer.testing import Result

from core.cli.results import exit_code_of
from core.system import files
from tests.core.cli.commands import make_finished
from tests.pages.sample_runs import make_run


def test_several_seeds_are_summed_up_as_mean_and_spread(core: Callable[..., Result], finished: str) -> None:
    shown = core("follow", finished, make_finished(0.35, seed=1)).stdout
    assert shown.count("epoch 2/2") == 2
    summed = next(line for line in shown.splitlines() if line.startswith("mean and spread of 2 seeds"))
    assert "30.00 ± 7.07 %" in summed
    assert "75.00 ± 0.00 %" in summed


@pytest.mark.parametrize("others", [{}, {"seed": 1, "learning_rate": 0.5}])
def test_runs_that_are_no_seeds_of_one_spec_have_no_mean(
    core: Callable[..., Result], finished: str, others: dict[str, float]
) -> None:
    shown = core("follow", finished, make_finished(0.35, **others)).stdout
    assert "35.00 %" in shown
    assert "mean" not in shown


@pytest.mark.parametrize(("goal", "told"), [(0.3, "1.5 s, epoch 1"), (0.6, "not reached")])
def test_the_time_to_the_accuracy_to_reach_is_told(core: Callable[..., Result], goal: float, told: str) -> None:
    shown = core("follow", make_finished(0.35, goal_accuracy=goal)).stdout
    line = next(line for line in shown.splitlines() if line.startswith(f"time to {goal:.2%}".replace("%", " %")))
    assert line.endswith(told)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["finished", "finished"], 0),
        (["finished", "failed", "stopped"], 1),
        (["damaged"], 1),
        (["finished", "stopped"], 3),
        (["interrupted"], 3),
        (["deleted"], 3),
    ],
)
def test_the_exit_code_says_how_the_runs_ended(states: list[str], code: int) -> None:
    assert exit_code_of({str(index): state for index, state in enumerate(states)}) == code


def test_a_stopped_run_shows_its_best_epoch_and_how_to_continue(core: Callable[..., Result]) -> None:
    run = make_run("stopped", reason="Somebody stopped it.")
    with open(run.path / "metrics.jsonl", "ab") as file:  # as good as epoch 4, with an unknown loss
        file.write(files.to_line({**run.rows()[3], "epoch": 6, "val/loss": None}))
    shown = core("follow", run.id)
    assert shown.exit_code == 3
    rows = {line.partition("  ")[0]: line.split()[2:] for line in shown.stdout.splitlines()}
    assert rows["validation accuracy"] == ["90.00", "%", "90.00", "%"]
    assert rows["validation loss"] == ["–", "0.5500"]
    assert "best on validation (epoch 4)" in shown.stdout
    assert "test accuracy, with views" not in shown.stdout
    assert f"{run.id} stopped: Somebody stopped it.\nResume it with: python -m core resume {run.id}" in shown.stderr
