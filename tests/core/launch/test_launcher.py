"""What is asked of a run happens once, to that run, and never by halves."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.launch import launcher
from core.launch.launcher import (
    LauncherError,
    delete_run,
    explain_wait,
    kill_run,
    request_stop,
    resume_run,
    run_next,
    start_run,
    start_seeds,
)
from core.machine import queue
from core.machine.nodes import Cluster, Node, forget_cluster, write_cluster
from core.machine.versions import describe_versions
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.place import read_place, write_place
from core.runs.records import About, RunNotFoundError
from core.runs.store import open_run
from core.spec.parse import SpecError
from core.system import files
from core.system.locks import FileLock, hold
from tests.core.workers import tiny_spec, wait_for, wait_for_state
from tests.made_runs import create_run

FOREVER = tiny_spec(epochs=10_000)


def in_threads(count: int, act: Callable[[], object]) -> list[object]:
    """What `act` gave, or raised, in each of so many threads at once."""
    results: list[object] = []
    together = threading.Barrier(count)

    def work() -> None:
        together.wait()
        try:
            results.append(act())
        except (LauncherError, RunNotFoundError) as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def training(quick_workers: Path) -> Run:
    """A run in its second epoch or later."""
    run = open_run(start_run(FOREVER))
    wait_for(lambda: len(run.rows()) > 1 or run.end())
    return run


@pytest.fixture
def no_workers(runs: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing starts; the ids that would have."""
    started: list[str] = []
    monkeypatch.setattr(launcher, "_start_process", lambda run: started.append(run.id) or os.getpid())
    return started


def test_a_click_that_arrives_ten_times_starts_one_process(no_workers: list[str]) -> None:
    ids = in_threads(10, lambda: start_run(tiny_spec(), click_key="click"))
    assert len(set(ids)) == 1
    assert no_workers == [ids[0]]


def test_seeds_make_as_many_runs_that_differ_in_nothing_else(no_workers: list[str]) -> None:
    ids = start_seeds(tiny_spec(seed=7), 3, About(name="A study", tags=("seeds",)), click_key="click")
    assert start_seeds(tiny_spec(seed=7), 3, About(name="A study"), click_key="click") == ids == no_workers
    runs = [open_run(run_id) for run_id in ids]
    assert [run.spec for run in runs] == [tiny_spec(seed=seed) for seed in (7, 8, 9)]
    assert [run.about.name for run in runs] == ["A study seed 7", "A study seed 8", "A study seed 9"]


def test_seeds_beyond_the_range_are_refused_before_any_run_is_made(no_workers: list[str]) -> None:
    with pytest.raises(SpecError, match=r"train\.seed"):
        start_seeds(tiny_spec(seed=2**31 - 2), 3)
    assert list_runs() == []


def test_a_process_that_cannot_start_is_said_and_the_run_waits_for_nobody(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        subprocess, "Popen", lambda *_, **__: (_ for _ in ()).throw(OSError(12, "Cannot allocate memory"))
    )
    with pytest.raises(LauncherError, match="Cannot allocate memory"):
        start_run(tiny_spec())
    assert [summary.state for summary in list_runs()] == ["interrupted"]
    assert queue.read_queue(runs) == []


def test_a_stop_ends_a_run_with_a_checkpoint_and_frees_its_slot(training: Run) -> None:
    assert request_stop(training.id)
    assert wait_for_state(training, "stopped", "failed", seconds=10) == "stopped"
    assert training.checkpoints()[-1].name.endswith("-stopped.safetensors")
    wait_for(lambda: queue.read_slots(training.path.parent, "cpu") == [None])
    assert not request_stop(training.id)


def test_a_queued_run_is_stopped_without_training_and_can_be_taken_up_again(training: Run) -> None:
    waiting = open_run(start_run(tiny_spec()))
    wait_for(waiting.is_alive)
    request_stop(waiting.id)
    assert wait_for_state(waiting, "stopped") == "stopped"
    assert "queue" in waiting.summary().reason
    assert not waiting.environment()
    resume_run(waiting.id)
    assert waiting.state() == "queued"
    assert not waiting.stop_requested
    request_stop(training.id)
    assert wait_for_state(waiting, "finished", "failed") == "finished"


def test_killing_ends_the_process_at_once_and_the_page_says_who_asked(training: Run) -> None:
    assert kill_run(training.id)
    assert training.state() == "interrupted"
    assert "on request" in training.summary().reason
    assert not kill_run(training.id)


def test_a_run_is_resumed_once_however_many_ask(no_workers: list[str]) -> None:
    run = open_run(create_run(tiny_spec()))
    (run.path / "launched").unlink()
    files.write_json(run.path / "environment.json", {"device": "cpu"})
    files.write_json(run.path / "end.json", {"state": "stopped"})
    (run.path / "stop").touch()
    results = in_threads(5, lambda: resume_run(run.id))
    assert results.count(None) == 1
    assert all(isinstance(error, LauncherError) for error in results if error)
    assert no_workers == [run.id]
    assert (run.path / "environment-1.json").exists()


@pytest.mark.parametrize("state", ["stopped", "interrupted"])
def test_a_resume_shows_no_state_but_the_old_one_and_queued(
    runs: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    run = open_run(create_run(tiny_spec()))
    (run.path / "launched").unlink()
    files.write_json(run.path / "environment.json", {"device": "cpu"})
    if state == "stopped":
        files.write_json(run.path / "end.json", {"state": "stopped"})
    seen = [run.state()]

    def look(module: object, name: str) -> None:
        act = getattr(module, name)

        def act_and_look(*args: object, **kwargs: object) -> object:
            result = act(*args, **kwargs)
            seen.append(run.state())
            return result

        monkeypatch.setattr(module, name, act_and_look)

    for module, name in ((os, "rename"), (os, "unlink"), (Path, "unlink"), (Path, "touch"), (Path, "write_bytes")):
        look(module, name)
    monkeypatch.setattr(launcher, "_start_process", lambda _: os.getpid())
    resume_run(run.id)
    monkeypatch.undo()
    assert list(dict.fromkeys(seen)) == [state, "queued"]


@pytest.mark.parametrize(
    ("state", "sentence"), [("finished", "nothing left"), ("pruned", "nothing left"), ("damaged", "damaged")]
)
def test_a_run_that_cannot_go_on_says_why(no_workers: list[str], state: str, sentence: str) -> None:
    run = open_run(create_run(tiny_spec()))
    files.write_json(run.path / "end.json", {"state": state})
    with pytest.raises(LauncherError, match=sentence):
        resume_run(run.id)
    assert no_workers == []


def test_run_next_moves_a_run_to_the_head_and_is_remembered(training: Run) -> None:
    waiting = [open_run(start_run(tiny_spec())) for _ in range(3)]
    wait_for(lambda: all(run.is_alive() for run in waiting))
    assert run_next(waiting[2].id)
    assert queue.read_queue(training.path.parent)[0].run_id == waiting[2].id
    assert waiting[2].summary().priority == 1
    assert not run_next(training.id)
    request_stop(training.id)
    wait_for(lambda: all(run.end() for run in waiting))
    assert waiting[2].end()["ended"] <= waiting[0].environment()["started"]


def test_a_run_that_trains_is_stopped_then_gone_with_all_its_files(training: Run, quick_workers: Path) -> None:
    delete_run(training.id)
    assert list_runs() == []
    assert all(name.startswith(".") for name in os.listdir(quick_workers))
    assert not (quick_workers / ".trash").exists()
    wait_for(lambda: queue.read_slots(quick_workers, "cpu") == [None])
    for act in (delete_run, resume_run, request_stop, kill_run, run_next, open_run):
        with pytest.raises(RunNotFoundError):
            act(training.id)


def test_a_queued_run_that_is_deleted_leaves_the_queue(training: Run, quick_workers: Path) -> None:
    waiting = open_run(start_run(tiny_spec()))
    delete_run(waiting.id)
    assert queue.read_queue(quick_workers) == []
    assert [summary.id for summary in list_runs()] == [training.id]


def test_a_run_whose_process_hangs_is_killed_before_it_is_deleted(
    training: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "STOP_SECONDS", 0.2)
    process = training.worker()["process"]["pid"]
    os.kill(process, 19)  # SIGSTOP
    delete_run(training.id)
    assert list_runs() == []


def test_a_folder_held_by_somebody_unknown_is_kept(no_workers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "STOP_SECONDS", 0.1)
    run = open_run(create_run(tiny_spec()))
    with FileLock(run.path / "run.lock") as lock:
        assert lock.try_acquire()
        with pytest.raises(LauncherError, match="was kept"):
            delete_run(run.id)
    assert [summary.id for summary in list_runs()] == [run.id]


def test_deleting_listing_and_reading_at_once_never_shows_half_a_run(no_workers: list[str]) -> None:
    for run_id in (ids := [create_run(tiny_spec()) for _ in range(30)]):
        files.write_json(open_run(run_id).path / "end.json", {"state": "finished"})
    wrong: list[object] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            wrong.extend(summary for summary in list_runs() if summary.state != "finished")

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    for run_id in ids:
        in_threads(2, lambda run_id=run_id: delete_run(run_id))
    done.set()
    for watcher in watchers:
        watcher.join()
    assert wrong == []
    assert list_runs() == []


@pytest.fixture
def cluster(runs: Path) -> Path:
    """What the agent tells of one node without a GPU, just now; returns the runs folder."""
    write_cluster(runs, Cluster("10.0.0.1:6379", [Node({"id": "1", "name": "box", "cpus": 4, **describe_versions()})]))
    return runs


def test_a_run_for_the_cluster_waits_for_its_places(no_workers: list[str], cluster: Path) -> None:
    run = open_run(start_run(tiny_spec(device="auto"), on="cluster"))
    (ticket,) = queue.read_queue(cluster)
    assert (ticket.run_id, ticket.device) == (run.id, "cluster:auto")
    assert read_place(run.path) == {}
    assert "place" not in run.spec.model_dump_json()


def test_no_run_is_made_that_no_node_can_ever_train(no_workers: list[str], cluster: Path) -> None:
    with pytest.raises(LauncherError, match="no node of the cluster has a GPU"):
        start_seeds(tiny_spec(device="cuda"), 3, on="cluster")
    assert list_runs() == []


def test_a_run_that_waits_tells_for_what_or_why_no_node_can_take_it_now(no_workers: list[str], cluster: Path) -> None:
    run = open_run(start_run(tiny_spec(device="auto"), on="cluster"))
    assert explain_wait(run) == "Waiting for a place on the cluster."
    forget_cluster(cluster)
    assert explain_wait(run).startswith("No cluster is up")
    assert explain_wait(run).endswith("Stop, then Resume.")
    assert explain_wait(open_run(create_run(tiny_spec()))) == ""


def test_a_run_that_waits_here_tells_how_many_are_before_it(runs: Path) -> None:
    first, second, stale = (open_run(create_run(tiny_spec())) for _ in range(3))
    (stale.path / "launched").unlink()  # its worker was killed
    queue.enqueue(runs, stale.id, "cpu", priority=2)
    queue.enqueue(runs, first.id, "cpu")
    queue.enqueue(runs, second.id, "cpu")
    with hold(first.path / "run.lock"), hold(second.path / "run.lock"):
        assert explain_wait(first) == "Waiting for a free device, next in the queue."
        assert explain_wait(second) == "Waiting for a free device, 1 run before it in the queue."
        queue.move_to_head(runs, second.id)
        assert explain_wait(second) == "Waiting for a free device, next in the queue."
        queue.leave_queue(runs, first.id)
        assert explain_wait(first) == ""


def test_a_run_of_a_cluster_that_is_gone_is_resumed_here(no_workers: list[str], cluster: Path) -> None:
    run = open_run(create_run(tiny_spec()))
    write_place(run.path, {"threads": 1})
    files.write_json(run.path / "end.json", {"state": "stopped", "reason": "Stopped on request."})
    (run.path / "launched").unlink()
    forget_cluster(cluster)
    resume_run(run.id)
    assert read_place(run.path) is None
    assert [ticket.device for ticket in queue.read_queue(cluster)] == ["cpu"]
