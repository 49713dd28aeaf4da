"""Studies in PostgreSQL, for real: Debian's own server on loopback, cut off while four workers search."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.studies import manage as studies
from core.studies.manage import delete_study, start_workers
from core.studies.study import list_studies
from tests.core import study_workers
from tests.core.study_workers import LEARNING_RATE, logs_of, make_study, states_of, tiny_study, wait_for_end
from tests.core.workers import wait_for
from tests.postgres import Server, serve_postgres

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve_postgres() as server:
        yield server


@pytest.fixture
def lab(quick_workers: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(studies, "start_process", study_workers.start_module)
    monkeypatch.setenv("RESNET_LAB_STORAGE", server.url)
    return quick_workers


def test_four_workers_lose_nothing_while_the_server_is_cut_off_for_ten_seconds(lab: Path, server: Server) -> None:
    study = make_study(tiny_study(trials=16, workers=4, train={"epochs": 3}, seed=1), "postgres ü")
    start_workers("postgres ü")
    wait_for(lambda: states_of(study).get("finished", 0) >= 4)
    server.cut()
    time.sleep(10)  # the length of the cut is the point
    server.start()
    wait_for_end(study, 180)

    counts = states_of(study)
    # The server may have begun a trial and died before it said so: that one is void, and another was begun.
    counts.pop("void", None)
    assert counts == {"finished": 16}, logs_of(study)
    trials = study.frozen_trials()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    # Each of the four came to the study's end by itself; how many trials each had is the machine's affair.
    ends = [(study.worker_folder(index) / "log.txt").read_text().splitlines()[-1] for index in range(4)]
    assert all("16" in end for end in ends), ends
    assert not (lab / "studies.db").exists()
    assert [summary.name for summary in list_studies()] == ["postgres ü"]
    delete_study("postgres ü")
    assert list_studies() == []


def test_every_value_comes_back_from_the_server_as_it_was(lab: Path) -> None:
    space = [LEARNING_RATE, {"path": "augment.flip", "choices": [True, False]}]
    spec = tiny_study(*space, sampler="random", trials=2)
    study = make_study(spec, "types")
    assert study.spec == spec
    start_workers("types")
    wait_for_end(study)
    assert states_of(study) == {"finished": 2}
    assert all(isinstance(value, bool) for value in study.trials()["params.augment.flip"].tolist())
    delete_study("types")
