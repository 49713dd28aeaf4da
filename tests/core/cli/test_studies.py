"""Studies from the command line: what is printed, and with which exit code."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.cli import studies as commands
from core.studies import manage as studies
from core.studies.best import list_best
from core.studies.manage import create_study
from core.studies.study import list_studies, open_study
from tests.core import study_workers
from tests.core.cli.commands import run_command
from tests.core.study_workers import tiny_study
from tests.core.workers import wait_for


@pytest.fixture
def core(quick_workers: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command in this process; its workers are forked."""
    monkeypatch.setattr(studies, "start_process", study_workers.start_module)
    monkeypatch.setattr(commands, "POLL_SECONDS", 0.1)
    return run_command


@pytest.mark.parametrize("base", ["3", "[]", "null"])
def test_a_setting_of_a_base_that_is_no_spec_is_a_sentence(core: Callable[..., Result], base: str) -> None:
    asked = core("study", "-", "-s", "train.epochs=2", text=f'{{"base": {base}}}')
    assert asked.exit_code == 2
    assert f"base = {base}: must be an object with named fields" in asked.stderr


def test_a_lab_without_studies_says_so(core: Callable[..., Result]) -> None:
    shown = core("studies")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "There are no studies here yet.\n")


def test_a_study_from_a_file_is_searched_resumed_and_listed(core: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "tiny.json"
    file.write_text(tiny_study(trials=9).model_dump_json())
    searched = core("study", str(file), "--set", "trials=2", "--set", "train.epochs=2", "--workers", "2")
    assert searched.exit_code == 0, searched.output
    lines = searched.stdout.splitlines()
    assert lines[0] == "tiny"
    assert sum(line.startswith("trial ") and "  finished  val/loss " in line for line in lines) == 2
    assert any(line.startswith("best trial") for line in lines)
    assert "All 2 trials are done." in searched.stderr
    assert "No trial has looked at the test images." in searched.stderr
    assert open_study("tiny").spec.base.train.epochs == 2

    again = core("study-resume", "tiny")
    assert again.exit_code == 2
    assert "All 2 trials are done. Allow more trials or time to go on." in again.stderr
    assert core("study-resume", "tiny", "--trials", "3", "--follow").exit_code == 0
    assert list_studies()[0].done == 3

    tested = core("study-test", "tiny")
    assert tested.exit_code == 0, tested.output
    (figures,) = [line.split() for line in tested.stdout.splitlines() if line.startswith("test accuracy")]
    assert all(0 < float(figure) <= 100 for figure in figures[2:] if figure != "%")
    (best,) = list_best(open_study("tiny"))
    further = core("study-resume", "tiny", "--trials", "4", "--follow")
    assert f"Trial {best.number} has looked at the test images." in further.stderr
    assert "No trial has looked" not in further.stderr

    listed = json.loads(core("studies", "--json").stdout)
    assert [(study["name"], study["state"], study["done"]) for study in listed] == [("tiny", "finished", 4)]
    table = core("studies").stdout
    assert "4 of 4" in table
    assert "All 4 trials are done." in table


def test_a_space_wholly_over_the_budget_is_not_started_without_a_question(core: Callable[..., Result]) -> None:
    channels = {"path": "model.layers[*].channels", "low": 8, "high": 12}
    text = tiny_study(channels, trials=1, budget=10, sampler="grid").model_dump_json()
    asked = core("study", "-", "--name", "over", text=text)
    assert asked.exit_code == 2
    assert "None of 5 networks of this space is within the budget of 10 parameters: the smallest has " in asked.stderr
    assert "Nothing was started: add --yes where nobody can be asked." in asked.stderr
    assert list_studies() == []
    assert core("study", "-", "--name", "over", "--yes", text=text).exit_code == 0
    assert list_studies()[0].infeasible == 5
    create_study("made", open_study("over").spec)
    assert "Nothing was started" in core("study-resume", "made").stderr


def test_brackets_and_rungs_are_told_before_the_start_and_fit_what_is_set(core: Callable[..., Result]) -> None:
    create_study("taken", tiny_study())
    command = ["study", "--preset", "first-look", "--name", "taken", "--set", "pruner=hyperband"]
    told = core(*command, "--set", "train.epochs=5")
    assert "Hyperband pruner: one in 3 trials goes on at each rung. 2 brackets: 60 % of the trials" in told.stderr
    assert "there is a study named taken already" in told.stderr
    chosen = core(*command, "--set", "pruner_warmup_epochs=4")
    assert "Rungs after epoch 4." in chosen.stderr


@pytest.mark.slow
def test_a_study_in_the_background_is_stopped_from_another_terminal(core: Callable[..., Result]) -> None:
    text = tiny_study(trials=0, minutes=60).model_dump_json()
    begun = core("study", "-", "--detach", "--name", "night", text=text)
    assert (begun.exit_code, begun.stdout) == (0, "night\n")
    wait_for(lambda: list_studies()[0].done)
    assert core("study-stop", "night", "--now").exit_code == 0
    wait_for(lambda: list_studies()[0].state == "paused")
    assert "No worker searches" in core("study-stop", "night").stderr
    names = [core("study", "-", "--detach", "--set", "trials=1", text=text).stdout for _ in range(2)]
    assert names == ["study\n", "study 2\n"], "a name of its own"
    wait_for(lambda: [study.state for study in list_studies()] == ["finished", "finished", "paused"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["study"], "Name either a study file or a preset"),
        (["study", "--preset", "nope"], "There is no study preset 'nope'; there are report, first-look."),
        (["study", "nowhere.json"], "nowhere.json: there is no such file."),
        (
            ["study", "--preset", "report", "--set", "trials=0"],
            "trials = 0: a study needs a number of trials or a time",
        ),
        (["study", "--preset", "report", "--set", "sampler=grid"], "space[9].step: a grid needs a step here"),
        (["study", "--preset", "report", "--set", "train.epochs=0"], "base.train.epochs = 0: must be at least 1"),
        (["study", "--preset", "report", "--set", "train.epohcs=1"], "did you mean train.epochs?"),
        (["study", "--preset", "report"], "CIFAR-10 is not on this machine yet"),
        (["study-stop", "nope"], "There is no study 'nope'."),
        (["study-resume", "nope"], "There is no study 'nope'."),
        (["study-test", "nope"], "There is no study 'nope'."),
    ],
)
def test_bad_input_is_one_sentence_and_makes_nothing(
    core: Callable[..., Result], arguments: list[str], sentence: str
) -> None:
    result = core(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert list_studies() == []


def test_a_name_that_is_taken_is_told_and_none_is_made_up_over_it(core: Callable[..., Result]) -> None:
    text = tiny_study(trials=1).model_dump_json()
    assert core("study", "-", "--name", "mine", text=text).exit_code == 0
    taken = core("study", "-", "--name", "mine", text=text)
    assert taken.exit_code == 2
    assert "there is a study named mine already" in taken.stderr


def test_the_storage_of_the_environment_is_named_when_it_is_away(
    core: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_STORAGE", "postgresql+psycopg://lab:secret@127.0.0.1:1/lab")
    result = core("studies")
    assert result.exit_code == 2
    assert "postgresql+psycopg://lab:***@127.0.0.1:1/lab cannot be used" in result.stderr
