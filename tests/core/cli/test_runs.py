"""Runs are listed, shown, edited, stopped and deleted on the command line."""

from collections.abc import Callable

from typer.testing import Result

from core.runs.records import RunSummary
from core.runs.store import open_run
from core.spec.parse import parse_spec
from tests.core.cli.commands import TINY
from tests.strict_json import strict


def test_runs_and_show_tell_what_the_folder_holds(core: Callable[..., Result], finished: str) -> None:
    listed = core("runs").stdout
    assert finished in listed
    assert "50.00 %" in listed
    assert "[red]" in listed
    assert "\x1b" not in listed
    summary = strict(core("runs", "--json").stdout)[0]
    assert set(summary) == set(RunSummary.__dataclass_fields__)
    assert (summary["state"], summary["best_val_accuracy"], summary["test_accuracy"]) == ("finished", 0.5, 0.25)
    shown = core("show", finished).stdout
    assert "last weights 25.00 %, best on validation 75.00 %" in shown
    assert "\x1b" not in shown
    told = strict(core("show", finished, "--json", "--log", "5").stdout)
    assert parse_spec(told["spec"]) == parse_spec(TINY)
    assert [row["epoch"] for row in told["metrics"]] == [1, 2]
    assert told["end"]["state"] == "finished"


def test_runs_are_filtered_by_state_tag_and_archive(core: Callable[..., Result], finished: str) -> None:
    def ids(*options: str) -> list[str]:
        return [run["id"] for run in strict(core("runs", "--json", *options).stdout)]

    assert ids("--state", "finished", "--tag", "a") == [finished]
    assert ids("--tag", "a", "--tag", "c") == []
    assert ids("--state", "failed") == []
    assert core("edit", finished, "--archive", "--tag", "c", "--note", "n", "--colour", "#123456").exit_code == 0
    assert ids() == []
    assert ids("--all", "--tag", "c") == [finished]
    assert (open_run(finished).about.note, open_run(finished).about.colour) == ("n", "#123456")
    assert "colour: must be written as #rrggbb" in core("edit", finished, "--colour", "red").stderr


def test_a_finished_run_can_neither_be_stopped_nor_resumed(core: Callable[..., Result], finished: str) -> None:
    stopped = core("stop", finished)
    assert (stopped.exit_code, stopped.stderr) == (1, f"{finished} is finished: there is nothing to stop.\n")
    resumed = core("resume", finished)
    assert resumed.exit_code == 1
    assert "there is nothing left to train" in resumed.stderr
    assert core("next", finished).exit_code == 1


def test_nothing_is_deleted_where_nobody_can_be_asked(core: Callable[..., Result], finished: str) -> None:
    refused = core("delete", finished)
    assert refused.exit_code == 2
    assert "add --yes" in refused.stderr
    assert open_run(finished).state() == "finished"
    assert core("delete", finished, "--yes").exit_code == 0
    assert strict(core("runs", "--json", "--all").stdout) == []


def test_a_damaged_run_is_shown_as_damaged(core: Callable[..., Result], finished: str) -> None:
    (open_run(finished).path / "spec.json").write_text("{")
    assert strict(core("runs", "--json").stdout)[0]["state"] == "damaged"
    shown = core("show", finished)
    assert shown.exit_code == 0
    assert "damaged" in shown.stdout
    assert "parameters" not in shown.stdout
    assert " of 0" not in shown.stdout  # nothing is known, and no figure stands for that
    assert strict(core("show", finished, "--json").stdout)["spec"] is None
    followed = core("follow", finished)
    assert followed.exit_code == 1
