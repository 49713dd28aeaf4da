"""The list of runs: ended runs are read once, live ones at every look, and a copy spares a new server the reading."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from core.runs import listing
from core.runs.folder import Run
from core.runs.listing import list_known, list_runs
from core.runs.store import open_run
from core.system.locks import FileLock
from tests.core.runs.conftest import end
from tests.core.workers import tiny_spec, wait_for
from tests.made_runs import create_run


def settle(folder: Path) -> None:
    """The run last changed a minute ago."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - 60,) * 2)


def test_ended_runs_are_read_once_and_again_when_they_change(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    end(run)
    settle(run.path)
    read: list[str] = []
    summarize = listing.summarize
    monkeypatch.setattr(listing, "summarize", lambda run: read.append(run.id) or summarize(run))
    assert [list_runs()[0].name for _ in range(3)] == ["A run"] * 3
    assert len(read) == 1
    run.update_about(name="Another name")
    assert list_runs()[0].name == "Another name"


def test_files_of_an_ended_run_that_somebody_wrote_over_in_place_are_read_again(run: Run) -> None:
    end(run)
    path = run.path / "metrics.jsonl"
    path.write_text('{"epoch": 1, "val/accuracy": 0.5}\n')
    settle(run.path)
    assert [list_runs()[0].best_val_accuracy for _ in range(2)] == [0.5] * 2
    changed = os.stat(run.path).st_mtime_ns
    path.write_text('{"epoch": 1, "val/accuracy": 0.7}\n')
    assert os.stat(run.path).st_mtime_ns == changed
    assert list_runs()[0].best_val_accuracy == 0.7


@pytest.fixture
def copied(run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy of the summaries that a server left behind which listed one ended run; this process knows nothing."""
    monkeypatch.setattr(listing, "WORTH_KEEPING", 1)
    end(run)
    settle(run.path)
    list_runs()
    listing._known.clear()
    listing._loaded.clear()
    return run.path.parent / listing.COPY


def test_a_new_server_lists_ended_runs_without_opening_them(
    run: Run, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run.summary()
    monkeypatch.setattr(listing, "summarize", None)
    assert list_runs() == [expected]


def test_a_run_that_changed_since_the_copy_is_read_again(run: Run, copied: Path) -> None:
    run.update_about(name="Another name")
    assert [summary.name for summary in list_runs()] == ["Another name"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"fields": []}',
        '{"fields": %s, "runs": {"ID": [1, 1, {}]}}',
        '{"fields": %s, "runs": [3]}',
        '{"fields": %s, "runs": {"ID": [1, 1, {"id": 3, "name": [], "state": "odd"}]}}',
        '{"fields": %s, "runs": {"ID": [1, 1, []]}}',
        '{"fields": %s, "runs": {"ID": [[], 1, {}]}}',
    ],
)
def test_a_damaged_copy_is_made_again_and_loses_no_run(run: Run, copied: Path, content: str) -> None:
    copied.write_text(content.replace("%s", json.dumps(listing.FIELDS)).replace("ID", run.id))
    assert [summary.id for summary in list_runs()] == [run.id]


def test_runs_that_nobody_has_read_are_read_beside_while_the_newest_are_shown(runs: Path) -> None:
    made = [create_run(tiny_spec()) for _ in range(3)]  # fewer than a server would keep a copy of
    for run_id in made:
        end(open_run(run_id))
        settle(runs / run_id)
    first = list_known(seconds=0)
    assert (first.runs, first.unread) == ([], len(made))
    wait_for(lambda: not list_known(seconds=0).unread)
    assert [summary.id for summary in list_known(seconds=0).runs] == made[::-1]


def test_an_answer_to_somebody_else_will_do_for_a_while(runs: Path) -> None:
    before = list_known()
    create_run(tiny_spec())
    assert list_known(max_age=60) is before
    assert len(list_known().runs) == 1


def test_an_interrupted_run_that_is_taken_up_again_shows_at_once(interrupted: Run) -> None:
    (interrupted.path / "run.lock").touch()
    settle(interrupted.path)
    assert [list_runs()[0].state for _ in range(2)] == ["interrupted"] * 2
    with FileLock(interrupted.path / "run.lock") as lock:
        assert lock.try_acquire()
        assert list_runs()[0].state == "queued"


def test_the_list_is_the_same_object_until_a_run_changes(run: Run) -> None:
    end(run)
    settle(run.path)
    before = list_known().runs
    assert list_known().runs is before
    run.update_about(name="Another name")
    after = list_known().runs
    assert after is not before
    assert [each.name for each in before] == ["A run"]
    assert [each.name for each in after] == ["Another name"]
