"""A full disk, a folder that cannot be written, a run that is deleted meanwhile: a sentence from every command."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from core.cli import find
from core.cli.app import app
from core.launch import launcher
from core.runs.folder import Run, summarize
from core.runs.store import open_run
from core.studies import manage
from core.studies.spec import STUDY_PRESETS
from core.system import locks
from tests.examined import make_examined
from tests.faults.refusing import refuse_changes
from tests.pages.conftest import press, texts
from tests.pages.sample_runs import add_checkpoint, make_run

# FILE is a zip of the finished run, OUT a folder, RUN an interrupted run, DONE a finished one.
COMMANDS = [
    "runs --all",
    "runs --json",
    "show RUN --log 5",
    "show DONE --json",
    "compare DONE RUN",
    "follow DONE",
    "devices",
    "devices --slots cpu=2",
    "data list",
    *(f"export DONE -f {name} -o OUT" for name in ("csv", "html", "tensorboard", "zip")),
    "export DONE RUN -f html -o OUT --force",
    "import FILE",
    "edit RUN --note x",
    "stop RUN",
    "stop --now RUN",
    "next RUN",
    "resume RUN",
    "train --preset first-look --detach",
    "train --preset first-look --seeds 2 --detach",
    "studies",
    "study --preset first-look --detach",
    "study-stop s",
    "study-resume s",
    "study-test s",
    "delete RUN --yes",
]
CODES = {"full": errno.ENOSPC, "read-only": errno.EROFS, "of somebody else": errno.EACCES}


class Lab:
    """Two runs, and commands about them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        (folder / "out").mkdir()
        self.make_runs()

    def make_runs(self) -> None:
        done = make_examined(name="done")
        add_checkpoint(done, epoch=4)
        self.done, self.run = done.id, make_run("interrupted", name="interrupted").id

    def add_study(self) -> None:
        manage.create_study("s", STUDY_PRESETS["first-look"])

    def say(self, command: str) -> tuple[int, str]:
        """The exit code of a command and what it told; it ends without a traceback."""
        words = {"RUN": self.run, "DONE": self.done, "OUT": str(self.folder / "out")}
        words["FILE"] = str(self.folder / "kept.zip")
        result = CliRunner().invoke(app, [words.get(word, word) for word in command.split()])
        assert result.exception is None or isinstance(result.exception, SystemExit), (command, result.exception)
        for never in ("Something went wrong", "Traceback", "[Errno"):
            assert never not in result.output, (command, result.output)
        assert result.exit_code == 0 or result.stderr.strip().endswith((".", "ID", "--all` lists them.")), command
        return result.exit_code, result.output


@pytest.fixture
def lab(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(launcher, "_start_process", lambda _: 2**22 + 1)  # no process has this id
    monkeypatch.setattr(manage, "start_process", lambda *_: 2**22 + 1)
    made = Lab(lab_folders)
    made.say(f"export DONE -f zip -o {lab_folders / 'kept.zip'}")
    locks._checked.clear()
    return made


@pytest.mark.parametrize("condition", CODES)
def test_every_command_tells_that_the_runs_folder_takes_no_change(lab: Lab, condition: str) -> None:
    lab.add_study()
    before = sorted(os.listdir(lab.runs))
    with pytest.MonkeyPatch.context() as refusing:
        refuse_changes(refusing, lab.runs, CODES[condition])
        codes = {command: lab.say(command)[0] for command in COMMANDS[:-1]}
    assert [command for command in ("runs --all", "show RUN --log 5", "compare DONE RUN") if codes[command]] == []
    refused = ("edit RUN --note x", "resume RUN", "train --preset first-look --detach", "devices --slots cpu=2")
    assert [command for command in refused if not codes[command]] == []
    assert [name for name in sorted(os.listdir(lab.runs)) if not name.startswith(".")] == [
        name for name in before if not name.startswith(".")
    ]


@pytest.mark.parametrize("condition", CODES)
def test_every_export_tells_that_its_folder_takes_no_change(lab: Lab, condition: str) -> None:
    with pytest.MonkeyPatch.context() as refusing:
        refuse_changes(refusing, lab.folder / "out", CODES[condition])
        codes = {command: lab.say(command)[0] for command in COMMANDS if command.startswith("export")}
    assert set(codes.values()) == {1}


@pytest.mark.parametrize("instead", ["nothing", "a file"])
def test_every_command_tells_that_there_is_no_runs_folder(lab: Lab, instead: str) -> None:
    shutil.rmtree(lab.runs)
    if instead == "a file":
        lab.runs.write_text("")
    for command in COMMANDS:
        lab.say(command)


def test_every_command_tells_that_its_run_was_deleted_meanwhile(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_and_lose(run_id: str) -> Run:
        run = open_run(run_id)
        shutil.rmtree(run.path)
        return run

    monkeypatch.setattr(find, "open_run", open_and_lose)
    for command in COMMANDS:
        if "RUN" in command or "DONE" in command:
            code, told = lab.say(command)
            assert code != 0, command
            assert "There is no run" in told or "deleted" in told or "is not there" in told, (command, told)
            lab.make_runs()


# Pages


PLACES: list[tuple[str, dict[str, str]]] = [
    *[("run", {"id": "RUN", "tab": tab}) for tab in ("Charts", "Summary", "Logs", "Checkpoints")],
    ("runs", {}),
    ("lab", {}),
    ("compare", {"ids": "DONE,RUN"}),
    ("examine", {"id": "DONE", "tab": "History"}),
]


def open_place(open_page: Callable[..., AppTest], lab: Lab, name: str, address: dict[str, str]) -> AppTest:
    named = {key: value.replace("RUN", lab.run).replace("DONE", lab.done) for key, value in address.items()}
    return open_page(name, **named)


def test_every_page_tells_that_the_runs_folder_takes_no_change(
    lab: Lab,
    open_page: Callable[..., AppTest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_changes(monkeypatch, lab.runs, errno.EROFS)
    for name, address in PLACES:
        page = open_place(open_page, lab, name, address)
        assert "could not be shown" not in texts(page)
    page = open_page("run", id=lab.run)
    for label in ("Resume", "Archive"):
        assert "read-only" in texts(press(page, label)).lower(), label
    page.text_input[0].set_value("another name").run()
    assert "read-only" in texts(page).lower()
    page = press(open_page("build"), "Start")
    assert "could not be started" in texts(page)


def test_every_page_tells_that_its_run_was_deleted_meanwhile(
    lab: Lab,
    open_page: Callable[..., AppTest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, (name, address) in enumerate(PLACES):
        lab.make_runs()
        looks = [number % 3]

        def lose(run: Run, looks: list[int] = looks) -> Any:
            summary = summarize(run)
            if not looks[0]:
                shutil.rmtree(run.path, ignore_errors=True)
            looks[0] -= 1
            return summary

        with pytest.MonkeyPatch.context() as losing:
            losing.setattr(Run, "summary", lose)
            open_place(open_page, lab, name, address)  # fails where the page raises
