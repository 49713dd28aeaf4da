"""Making runs: each is there whole or not at all, under an id of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import RunNotFoundError
from core.runs.store import open_run
from core.system.locks import RunsFolderError
from tests.core.workers import tiny_spec
from tests.made_runs import create_run


def test_a_new_run_is_there_whole_with_its_spec_and_name(run: Run, runs: Path) -> None:
    assert run.spec == tiny_spec()
    assert (run.about.name, run.state()) == ("A run", "queued")
    assert sorted(os.listdir(runs)) == [".new", run.id]
    assert os.listdir(runs / ".new") == []


def test_ids_sort_by_the_time_they_were_made(runs: Path) -> None:
    made = []
    for _ in range(5):
        made.append(create_run(tiny_spec()))
        time.sleep(0.002)
    assert made == sorted(made)
    assert [summary.id for summary in list_runs()] == made[::-1]


def test_a_process_killed_between_a_click_and_its_run_does_not_use_the_click_up(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            create_run(tiny_spec(), click_key="click")
    assert create_run(tiny_spec(), click_key="click") == create_run(tiny_spec(), click_key="click")
    assert len(list_runs()) == 1


@pytest.mark.parametrize(
    "run_id",
    ["", ".", "..", "../x", "/etc", "a\0b", "20250101-000000-000-abcdef\n", "20250101-000000-000-ABCDEF", "x" * 999],
)
def test_an_id_that_is_none_is_not_found_and_touches_no_path(runs: Path, run_id: str) -> None:
    with pytest.raises(RunNotFoundError):
        open_run(run_id)


def test_a_link_out_of_the_runs_folder_is_no_run(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (runs / "20250101-000000-000-abcdef").symlink_to(tmp_path / "outside")
    with pytest.raises(RunNotFoundError):
        open_run("20250101-000000-000-abcdef")


def test_a_runs_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(RunsFolderError, match="cannot be used"):
        create_run(tiny_spec())
    assert list_runs() == []


def test_reading_runs_loads_no_torch() -> None:
    code = "import core.runs.store, core.launch.launcher, core.machine.devices, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
