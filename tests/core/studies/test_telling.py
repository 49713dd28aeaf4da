"""A study's end is told once, however many workers it had, and its trials only where that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.notify.journal import read_messages
from core.notify.settings import parse_settings, save_settings
from core.studies import manage as studies
from core.studies.manage import extend_study, start_workers, stop_study
from core.studies.study import Study
from core.studies.telling import describe_end, tell_end
from tests.core import study_workers
from tests.core.study_workers import make_study, tiny_study, wait_for_end
from tests.core.workers import wait_for
from tests.receivers import Hook, serving


@pytest.fixture
def lab(quick_workers: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workers are forked; returns the runs folder."""
    monkeypatch.setattr(studies, "start_process", study_workers.start_module)
    return quick_workers


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as server:
        yield server


def tell_by(hook: Hook, **values: object) -> None:
    webhook = {"address": f"{hook.url}/secret-token"}
    events = ["finished", "failed", "stopped"]
    save_settings(parse_settings({"allow_local": True, "webhook": webhook, "events": events, **values}))


def titles() -> list[str]:
    return [message.title for message in read_messages(0)]


def test_the_end_of_a_study_with_several_workers_is_told_once(lab: Path, hook: Hook) -> None:
    tell_by(hook)
    study = make_study(tiny_study(trials=4, workers=2))
    start_workers("tiny")
    wait_for_end(study)
    wait_for(lambda: hook.received)
    body = hook.received[0][1]
    assert (body["subject"], body["title"], body["state"]) == ("study", "Study tiny finished", "finished")
    assert body["reason"] == "All 4 trials are done."
    best = body["figures"][1]
    assert best["value"] == pytest.approx(study.summary().best_value)
    assert (best["split"], best["label"].partition(" of ")[0]) == ("validation", "Validation loss")
    assert titles() == ["Study tiny finished"], "neither a trial nor the other worker told anything"
    # More trials are another end.
    extend_study("tiny", trials=5)
    start_workers("tiny")
    wait_for_end(study)
    wait_for(lambda: len(titles()) == 2)


def test_trials_are_told_where_that_was_asked_for(lab: Path, hook: Hook) -> None:
    tell_by(hook, trials=True)
    study = make_study(tiny_study(trials=1))
    start_workers("tiny")
    wait_for_end(study)
    wait_for(lambda: len(titles()) == 2)
    assert titles() == ["Run tiny trial 0 finished", "Study tiny finished"]


def test_a_study_that_gives_up_or_is_stopped_says_which(lab: Path) -> None:
    study = make_study(tiny_study(trials=4))
    end = {"reason": "3 trials in a row failed.", "worker": 0, "ended": 1.0}
    study_workers.files.write_json(study.folder / "end.json", end)
    given_up = describe_end(study, study.summary())
    assert (given_up.event, given_up.title) == ("failed", "Study tiny ended without being done")
    assert given_up.lines == ["3 trials in a row failed.", "Trials: none"]
    (study.folder / "end.json").unlink()
    stop_study("tiny")
    stopped = describe_end(study, study.summary())
    assert (stopped.event, stopped.title, stopped.reason) == ("stopped", "Study tiny was paused", "Paused on request.")


def test_nobody_is_told_while_another_worker_searches(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(tiny_study(trials=4))
    monkeypatch.setattr(Study, "is_worker_alive", lambda self, index: True)
    monkeypatch.setattr(Study, "worker_indices", lambda self: [0])
    tell_end(study)
    assert not (study.folder / "told.json").exists()


def test_a_storage_that_is_away_keeps_no_worker_from_ending(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(tiny_study(trials=4))

    def fail(self: Study) -> None:
        raise RuntimeError("away")

    monkeypatch.setattr(Study, "try_summary", fail)
    tell_end(study)
    assert titles() == []
