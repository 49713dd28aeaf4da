"""Runs travel whole."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from core.export.archive.pack import BundleError, pack_runs
from core.export.archive.unpack import import_runs
from core.launch.launcher import delete_run, request_stop, resume_run, start_run
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import RunNotFoundError
from core.runs.store import open_run
from core.system.locks import FileLock
from tests.bundles import add_checkpoint, make_whole_run, pack, snapshot, take_in, unpack, write_checkpoint
from tests.core.worker.test_crash import EPOCHS, assert_same_result, undisturbed  # noqa: F401 - a fixture
from tests.core.workers import tiny_spec, wait_for, wait_for_state
from tests.examined import make_unvalidated
from tests.pages.sample_runs import make_run

STAYS = {"worker.json", "run.lock", "control.lock", "launched", "stop", "imported.json"}


def results_of(run: Run) -> dict[str, bytes]:
    return {name: content for name, content in snapshot(run.path).items() if name not in STAYS}


@pytest.fixture
def elsewhere(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Moves to another machine: an empty runs folder."""

    def move() -> Path:
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        monkeypatch.setenv("RESNET_LAB_RUNS", str(folder))
        return folder

    return move


# A run and its way


def test_a_run_arrives_with_every_file_as_it_was(elsewhere: Callable[[], Path]) -> None:
    run = make_whole_run(name="A run", tags=["paper"])
    before = results_of(run)
    archive = pack(run)
    elsewhere()
    (taken,) = take_in(archive)
    assert (taken.id, taken.outcome, taken.state) == (run.id, "new", "finished")
    arrived = open_run(run.id)
    assert results_of(arrived) == before
    assert [summary.id for summary in list_runs()] == [run.id]
    assert (arrived.about.name, arrived.about.tags) == ("A run", ("paper",))
    assert arrived.predictions("val_best") is not None
    assert len(arrived.checkpoints()) == 1


def test_what_belongs_to_the_machine_stays_there(runs: Path) -> None:
    run = make_whole_run()
    run.update_about(priority=7)
    names = {name.split("/", 1)[1] for name in unpack(pack(run)) if "/" in name}
    assert not names & STAYS
    delete_run(run.id)


def test_whoever_imports_started_it_here_and_its_place_in_a_queue_is_forgotten(elsewhere: Callable[[], Path]) -> None:
    run = make_whole_run()
    run.update_about(priority=7, started_by="admin@there.example")
    archive = pack(run)
    elsewhere()
    take_in(archive, started_by="me@here.example")
    about = open_run(run.id).about
    assert (about.priority, about.started_by) == (0, "me@here.example")


def test_without_checkpoints_the_figures_arrive_alone(elsewhere: Callable[[], Path]) -> None:
    run = make_whole_run()
    archive = pack(run, checkpoints=False)
    elsewhere()
    take_in(archive)
    arrived = open_run(run.id)
    assert arrived.checkpoints() == []
    assert len(arrived.metrics()) == len(run.metrics()) == 5
    assert not (arrived.path / "checkpoints").exists()


def test_several_runs_travel_in_one_archive(elsewhere: Callable[[], Path]) -> None:
    made = [make_whole_run(name=name) for name in ("one", "two", "three")]
    archive = pack(*made)
    elsewhere()
    assert [taken.id for taken in take_in(archive)] == [run.id for run in made]
    assert {summary.name for summary in list_runs()} == {"one", "two", "three"}


def test_another_run_of_the_same_id_stays_and_the_new_one_gets_an_id_of_its_own(runs: Path) -> None:
    run = make_whole_run(name="A run")
    archive = pack(run)
    (run.path / "metrics.jsonl").write_bytes(b"".join((run.path / "metrics.jsonl").read_bytes().splitlines(True)[:3]))
    before = results_of(run)
    (taken,) = take_in(archive)
    assert taken.outcome == "copy"
    assert taken.id != run.id
    assert results_of(run) == before
    assert open_run(taken.id).about.name == "A run (imported)"
    # The same archive once more: the copy is found again.
    (again,) = take_in(archive)
    assert (again.id, again.outcome) == (taken.id, "here")
    assert len(list_runs()) == 2


@pytest.mark.parametrize("state", ["finished", "failed", "stopped", "pruned", "interrupted"])
def test_a_run_arrives_in_the_state_it_had(elsewhere: Callable[[], Path], state: str) -> None:
    run = make_whole_run(state=state)
    archive = pack(run)
    elsewhere()
    assert take_in(archive)[0].state == state


def test_a_run_packed_while_it_trains_arrives_stopped_after_its_last_whole_epoch(elsewhere: Callable[[], Path]) -> None:
    run = make_whole_run()
    (run.path / "end.json").unlink()
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(b'{"epoch": 6, "half')
    with FileLock(run.path / "run.lock") as lock:
        assert lock.acquire(1)
        assert run.state() == "running"
        buffer = io.BytesIO()
        (note,) = pack_runs([run.id], buffer)
    assert "stopped" in note
    elsewhere()
    (taken,) = take_in(buffer.getvalue())
    arrived = open_run(run.id)
    assert taken.state == "stopped"
    assert arrived.summary().reason == "It was training, after epoch 5, when it was exported."
    assert list(arrived.metrics()["epoch"]) == [1, 2, 3, 4, 5]
    assert (arrived.path / "metrics.jsonl").read_bytes().endswith(b"}\n")


def test_a_checkpoint_that_was_damaged_stays_behind_and_the_note_says_so(elsewhere: Callable[[], Path]) -> None:
    run = make_whole_run()
    path = run.checkpoints()[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    buffer = io.BytesIO()
    assert pack_runs([run.id], buffer) == ["epoch-00005.safetensors is damaged and was left out."]
    elsewhere()
    take_in(buffer.getvalue())
    assert open_run(run.id).checkpoints() == []


def test_a_damaged_run_and_one_that_is_gone_are_not_packed(runs: Path) -> None:
    run = make_run(name="Broken")
    (run.path / "spec.json").write_text("{")
    with pytest.raises(BundleError, match="Broken is damaged and cannot be exported"):
        pack(run)
    with pytest.raises(RunNotFoundError):
        pack_runs(["20250101-000000-000-abcdef"], io.BytesIO())


def test_packing_and_taking_in_need_little_memory_however_large_the_checkpoint(
    elsewhere: Callable[[], Path], tmp_path: Path
) -> None:
    run = make_whole_run(write_checkpoint(tensor=os.urandom(1 << 20) * 64))
    path = tmp_path / "large.zip"
    tracemalloc.start()
    try:
        with open(path, "wb") as file:
            pack_runs([run.id], file)
        assert path.stat().st_size > 64e6
        elsewhere()
        import_runs(path)
        assert tracemalloc.get_traced_memory()[1] < 16e6
    finally:
        tracemalloc.stop()
    assert open_run(run.id).checkpoints()[0].bytes > 64e6


def test_progress_ends_at_the_whole(elsewhere: Callable[[], Path]) -> None:
    run = make_whole_run()
    heard: list[tuple[int, int]] = []
    buffer = io.BytesIO()
    pack_runs([run.id], buffer, report=lambda *told: heard.append(told))
    assert heard[-1][0] == heard[-1][1] > 0
    elsewhere()
    take_in(buffer.getvalue(), report=lambda *told: heard.append(told))
    assert [done for done, _ in heard] != sorted(done for done, _ in heard)  # it began again
    assert heard[-1][1] - heard[-1][0] < 5000  # all but the manifest


# Real runs


def test_a_stopped_run_goes_on_elsewhere_exactly_where_it_stopped(
    undisturbed: Run,  # noqa: F811
    elsewhere: Callable[[], Path],
) -> None:
    run = open_run(start_run(tiny_spec(epochs=EPOCHS)))
    wait_for(lambda: len(run.rows()) >= 3)
    assert request_stop(run.id)
    assert wait_for_state(run, "stopped", "failed") == "stopped", run.log_tail()
    archive = pack(run)
    elsewhere()
    assert take_in(archive)[0].state == "stopped"
    arrived = open_run(run.id)
    resume_run(run.id)
    assert wait_for_state(arrived, "finished", "failed") == "finished", arrived.log_tail()
    assert_same_result(arrived, undisturbed)


def test_a_run_is_packed_soundly_at_any_moment_of_its_training(
    quick_workers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(start_run(tiny_spec(epochs=400)))
    wait_for(lambda: len(run.rows()) >= 2)
    archives = [pack(run) for _ in range(15)]
    request_stop(run.id)
    wait_for_state(run, "stopped")
    epochs = []
    for place, archive in enumerate(archives):
        (tmp_path / str(place)).mkdir()
        monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path / str(place)))
        assert take_in(archive)[0].state == "stopped"
        arrived = open_run(run.id)
        newest = arrived.checkpoints()[-1]
        rows = (arrived.path / "metrics.jsonl").read_bytes()
        assert rows[: newest.metrics_bytes].count(b"\n") == newest.epoch
        epochs.append(newest.epoch)
    assert epochs == sorted(epochs)
    monkeypatch.setenv("RESNET_LAB_RUNS", str(quick_workers))


def test_two_checkpoints_of_one_run_travel(elsewhere: Callable[[], Path]) -> None:
    run = make_whole_run()
    add_checkpoint(run, write_checkpoint(tensor=b"other"), "epoch-00004.safetensors")
    archive = pack(run)
    elsewhere()
    take_in(archive)
    assert [entry.name for entry in open_run(run.id).checkpoints()] == ["epoch-00004.safetensors"]


def test_a_run_that_held_no_images_out_travels(elsewhere: Callable[[], Path]) -> None:
    run = make_unvalidated()
    archive = pack(run)
    elsewhere()
    take_in(archive)
    arrived = open_run(run.id)
    assert not arrived.has_validation
    assert "val/loss" not in arrived.rows()[0]
