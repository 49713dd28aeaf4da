"""Workers tell of their ends by a process of its own; nothing that goes wrong there reaches a run."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from core.launch.launcher import _note_end, start_run
from core.notify import announce as module
from core.notify import journal
from core.notify.announce import announce_crash, announce_end, announce_figures
from core.notify.events import settings_path
from core.notify.journal import read_messages
from core.notify.messages import Message
from core.notify.settings import Settings, parse_settings, save_settings
from core.runs import presence
from core.runs.records import About
from core.runs.store import open_run
from core.system.locks import is_locked
from tests.core.workers import start_worker, tiny_spec, wait_for, wait_for_state
from tests.made_runs import create_run
from tests.pages.sample_runs import make_run
from tests.receivers import Hook, end_senders

TellBy = Callable[..., Settings]


def told() -> list[str]:
    return [message.title for message in read_messages(0)]


def test_a_finished_run_is_told_by_its_worker_and_a_beaten_figure_once(
    quick_workers: Path, hook: Hook, tell_by: TellBy
) -> None:
    tell_by(figures={"val/accuracy": 0.01, "test/accuracy": 1.0})
    run = open_run(start_run(tiny_spec(), About(name="a")))
    wait_for_state(run, "finished", "failed")
    wait_for(lambda: len(hook.received) == 2)
    by_event = {body["event"]: body["title"] for _, body in hook.received}
    assert by_event["finished"] == "Run a finished"
    assert by_event["figure"].startswith("Run a: validation accuracy above 1.00 % at epoch ")
    body = next(body for _, body in hook.received if body["event"] == "finished")
    assert body["state"] == "finished"
    assert [each["value"] for each in body["figures"]][2] == run.end()["metrics"]["test/accuracy"]
    assert "secret-token" not in run.log_tail()


def test_a_run_that_fails_before_torch_is_loaded_is_told(quick_workers: Path, hook: Hook, tell_by: TellBy) -> None:
    tell_by()
    run = open_run(create_run(tiny_spec(device="cuda:3"), name="b"))
    presence.mark_launch(run.path, start_worker(run))
    wait_for(lambda: hook.received)
    assert hook.titles() == ["Run b failed"]
    assert hook.received[0][1]["reason"].startswith("train.device = cuda:3: this machine has only")


def test_a_network_that_is_away_holds_no_run(quick_workers: Path) -> None:
    """The sender would try for most of a minute; run, slot and lock are free at once."""
    webhook = {"address": "http://127.0.0.1:9/secret-token"}
    save_settings(parse_settings({"allow_local": True, "webhook": webhook}))
    first, second = (open_run(start_run(tiny_spec(epochs=1))) for _ in range(2))
    for run in (first, second):
        assert wait_for_state(run, "finished", "failed") == "finished"
        wait_for(lambda run=run: not is_locked(run.path / "run.lock"))
    end_senders(quick_workers)


def test_a_killed_worker_is_told_by_whoever_started_it(quick_workers: Path, hook: Hook, tell_by: TellBy) -> None:
    tell_by()
    run = open_run(create_run(tiny_spec(epochs=10_000), name="c"))
    os.kill(start_worker(run), 0)
    wait_for(run.rows)
    os.kill(run.worker()["process"]["pid"], signal.SIGKILL)
    wait_for(lambda: run.state() == "interrupted")
    _note_end(run.path, run.worker()["process"], -signal.SIGKILL)
    wait_for(lambda: hook.received)
    assert hook.titles() == ["Run c was interrupted"]


def test_nothing_is_sent_that_was_not_asked_for(monkeypatch: pytest.MonkeyPatch, tell_by: TellBy) -> None:
    sent: list[str] = []
    monkeypatch.setattr(module, "_start", lambda message: sent.append(message.title))
    stopped, finished = make_run("stopped", name="s"), make_run(name="f")
    tell_by()
    announce_end(stopped.path)
    announce_end(finished.path, is_trial=True)
    announce_figures(finished.path, {"val/accuracy": 0.99})
    assert sent == told() == []
    announce_end(finished.path)
    assert sent == told() == ["Run f finished"]
    trial = make_run(name="t", tags=("study:mine",))
    announce_end(trial.path)  # tested or resumed on its own
    assert sent == told() == ["Run f finished"]
    tell_by(events=["stopped"], trials=True)
    announce_end(finished.path, is_trial=True)
    announce_end(stopped.path, is_trial=True)
    assert sent[1:] == ["Run s stopped"]


def test_where_no_channel_is_set_open_pages_are_told_and_no_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_start", lambda message: pytest.fail("nobody asked for it"))
    announce_end(make_run(name="f").path)
    assert told() == ["Run f finished"]


def test_a_full_disk_keeps_nobody_from_being_told(monkeypatch: pytest.MonkeyPatch, tell_by: TellBy) -> None:
    def fail(message: Message) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sent: list[str] = []
    tell_by()
    monkeypatch.setattr(module, "_start", lambda message: sent.append(message.title))
    monkeypatch.setattr(journal, "note_message", fail)
    announce_end(make_run(name="f").path)
    assert sent == ["Run f finished"]


def test_a_run_that_goes_on_or_is_gone_is_not_told_as_ended(tmp_path: Path) -> None:
    announce_end(make_run("interrupted").path)
    announce_crash(make_run(name="f").path)
    announce_crash(tmp_path / "gone")
    assert told() == []


@pytest.mark.parametrize("content", ["{", '{"webhook": {"address": "secret-token"}}', '{"events": 7}'])
def test_settings_that_cannot_be_used_are_a_line_of_the_log(capsys: pytest.CaptureFixture[str], content: str) -> None:
    save_settings(Settings())
    settings_path().write_text(content)
    run = make_run(name="f")
    announce_end(run.path)
    announce_figures(run.path, {"val/accuracy": 0.99})
    said = capsys.readouterr().out
    assert "secret-token" not in said
    assert all("Nobody could be told of this: " in line for line in said.splitlines())
