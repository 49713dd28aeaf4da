"""Whatever the disk refuses, and wherever a process dies between two of its operations, nothing on it lies."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from core.engine import checkpoint
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import ENDS
from core.runs.store import open_run
from core.system.locks import RunsFolderError
from tests.core.same_result import assert_same_result
from tests.core.workers import _started, fork, tiny_spec
from tests.faults import breakage
from tests.faults.injection import EXIT, KINDS, break_disk, broken_disk
from tests.faults.lives import live, new_run, strays
from tests.made_runs import create_run
from tests.strict_json import assert_strict_json

EPOCHS = 2
SPEC = tiny_spec(epochs=EPOCHS, batch_size=128)
CAUSES = {"no space": "disk full", "I/O error": "input/output error"}
SHORT_STEP = 19  # of the short form: every so manieth operation


def assert_honest(run: Run, kind: str) -> str:
    """What a run's folder says after its worker met the fault is true; the state it says."""
    # Written twice a second and never synced, as readers do without.
    assert_strict_json(run.path, ("progress.json",) if kind.startswith("power cut") else ())
    state, summary = run.state(), run.summary()
    if kind in CAUSES:
        assert state in ("failed", "finished"), (state, run.log_tail())
        if state == "failed":
            assert CAUSES[kind] in summary.reason, summary.reason
    else:
        assert state in ("interrupted", "finished"), (state, run.log_tail())
    assert (run.end() or {}).get("state") in (ENDS if state in ENDS else (None,))
    kept = run.checkpoints()
    for entry in kept:
        assert checkpoint.load(entry.path, entry.sha256)["epoch"] == entry.epoch
    # Its line is written before an epoch's checkpoint, so at most the last epoch is without.
    assert max((entry.epoch for entry in kept), default=0) >= len(run.rows()) - 1
    if state == "finished":
        assert len(run.rows()) == EPOCHS
    return state


def break_lives(kind: str, undisturbed: Run, mark: Path, step: int, die_first: bool) -> Counter[str]:
    """Lives of workers whose k-th operation goes wrong, for k by k until one goes through; each resumed to its end.

    With `die_first` it is a resumed life that meets the fault.
    """
    told = Counter[str]()
    for number in count(1, step):
        run = new_run(SPEC)
        if die_first:
            assert live(run, partial(breakage.die_at_checkpoint, 2)) == "interrupted"
        live(run, partial(break_disk, run.path.parent, number, kind, mark))
        if not mark.exists():
            assert run.state() == "finished", run.log_tail()
            break
        mark.unlink()
        state = assert_honest(run, kind)
        told["faults"] += 1
        told[state] += 1
        if state != "finished":
            assert live(run) == "finished", run.log_tail()
        assert_same_result(run, undisturbed)
        assert strays(run) == []
    return told


@pytest.mark.slow
@pytest.mark.promise(
    3,
    "Whichever write, fsync or rename fails, the reason names the cause, every checkpoint on record verifies, and the "
    "run resumes identically.",
    how="the k-th operation of a two-epoch run fails, k = 1, 2, ... until it goes through: no space (half is "
    "written), I/O error, sudden exit, power cut (what was not synced is gone; also with renames undone); in a first "
    "and in a resumed life",
    control="a writer that writes in place, or never syncs, leaves a list of checkpoints or a checkpoint that is torn",
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_kth_operation_fails(
    quick_workers: Path, tmp_path: Path, kind: str, full: bool, record_figure: Callable[[str], None]
) -> None:
    undisturbed = new_run(SPEC)
    assert live(undisturbed) == "finished"
    told = Counter[str]()
    for die_first in (False, True) if full else (False,):
        told += break_lives(kind, undisturbed, tmp_path / "mark", 1 if full else SHORT_STEP, die_first)
    ends = ", ".join(f"{told[state]} {state}" for state in ("failed", "interrupted", "finished") if told[state])
    record_figure(f"{kind}: {told['faults']} faults ({ends}), all resumed identically")


# Making a run


def _create(runs: Path, at: int, kind: str, mark: Path) -> None:
    os.environ["RESNET_LAB_RUNS"] = str(runs)
    break_disk(runs, at, kind, mark)
    create_run(SPEC, click_key="once")
    os._exit(0)


def create_broken(runs: Path, at: int, kind: str, mark: Path) -> None:
    """The click that makes a run, while the disk fails."""
    if kind in CAUSES:
        with broken_disk(runs, at, kind, mark):
            try:
                create_run(SPEC, click_key="once")
            except RunsFolderError as error:
                message = str(error)
                assert ("No space left on device" if kind == "no space" else "Input/output error") in message
    else:
        fork(_create, runs, at, kind, mark)
        process = _started.pop()
        process.join()
        assert process.exitcode in (0, EXIT)


@pytest.mark.promise(
    3,
    "A click that makes a run makes one or none, never half of one; clicked again, exactly one.",
    how="the k-th operation of making a run fails, as above; then the same click again",
    control="a folder built in place is listed as damaged",
)
def test_the_kth_operation_of_making_a_run_fails(
    lab_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool, record_figure: Callable[[str], None]
) -> None:
    faults = 0
    mark = tmp_path / "mark"
    for index, kind in enumerate(KINDS if full else KINDS[:3]):
        for number in count(1):
            runs = lab_folders / "runs" / f"{index}-{number}"
            monkeypatch.setenv("RESNET_LAB_RUNS", str(runs))
            runs.mkdir()
            create_broken(runs, number, kind, mark)
            if not mark.exists():
                break
            mark.unlink()
            faults += 1
            assert [summary.state for summary in list_runs() if summary.state not in ("queued", "interrupted")] == []
            before = [summary.id for summary in list_runs()]
            made = create_run(SPEC, click_key="once")
            assert [summary.id for summary in list_runs()] == [made]
            assert before in ([], [made])
            assert open_run(made).spec == SPEC
            assert len(list((runs / ".new").iterdir())) <= (kind not in CAUSES)  # goes within the hour
    record_figure(f"{faults} faults while a run is made: one or none, after another click exactly one")


# Controls


def assert_torn(quick_workers: Path, mark: Path, setup: Callable[[], None], fault: Callable[[int], Callable]) -> None:
    """Some fault leaves something that `assert_honest` refuses, where the writer leaves out what guards it."""
    for number in count(1):
        run = new_run(SPEC)
        if live(run, partial(breakage.several, setup, fault(number))) == "damaged":
            return  # a file was read while it was half written, before the fault
        assert mark.exists(), "no fault did harm: the test could not fail"
        mark.unlink()
        try:
            assert_honest(run, "power cut")
        except Exception:  # noqa: BLE001  # whatever is refused
            return


def test_control_a_writer_in_place_leaves_a_torn_file(quick_workers: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    fault = lambda number: partial(break_disk, quick_workers, number, "sudden exit", mark, "manifest")  # noqa: E731
    assert_torn(quick_workers, mark, breakage.write_in_place, fault)


def test_control_a_writer_that_never_syncs_leaves_a_torn_file(quick_workers: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    fault = lambda number: partial(break_disk, quick_workers, number, "power cut", mark, "manifest", False)  # noqa: E731
    assert_torn(quick_workers, mark, breakage.several, fault)
