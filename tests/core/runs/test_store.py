"""A run folder says what is true, whoever reads it and whatever happened to it."""

from __future__ import annotations

import errno
import json
import math
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.runs import listing, presence
from core.runs.folder import Run
from core.runs.listing import WORTH_KEEPING, list_known, list_runs
from core.runs.metrics import read_rows, thin_out
from core.runs.records import About, RunNotFoundError
from core.runs.store import open_run
from core.system import files, processes
from core.system.locks import FileLock, RunsFolderError, is_locked
from tests.core.workers import tiny_spec, wait_for
from tests.made_runs import create_run

DAY = 86_400.0


@pytest.fixture
def run(runs: Path) -> Run:
    return open_run(create_run(tiny_spec(), name="A run"))


@pytest.fixture
def interrupted(run: Run) -> Run:
    (run.path / "launched").unlink()
    assert run.state() == "interrupted"
    return run


def end(run: Run, state: str = "finished", **more: object) -> None:
    files.write_json(run.path / "end.json", {"state": state, **more})


# Making runs


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


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "x" * 201}, "name"),
        ({"tags": ["x" * 61]}, "tags"),
        ({"note": 3}, "note"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_said_about_a_run_is_refused_by_field(run: Run, changes: dict, field: str) -> None:
    before = run.about
    with pytest.raises(ValueError, match=field):
        run.update_about(**changes)
    assert run.about == before


def test_what_people_say_about_a_run_is_kept(run: Run) -> None:
    run.update_about(name="Ünï \u202e<b>", tags=["a", "a", " b ", ""], note="two\nlines", archived=True)
    assert asdict(run.about) | {"created": 0} == asdict(
        About(name="Ünï \u202e<b>", tags=("a", "b"), note="two\nlines", archived=True)
    )


# States


@pytest.mark.parametrize("state", ["finished", "failed", "stopped", "pruned"])
def test_an_end_that_was_written_is_the_state(run: Run, state: str) -> None:
    end(run, state)
    assert run.state() == state


def test_a_held_lock_is_queued_before_the_start_and_running_after(interrupted: Run) -> None:
    with FileLock(interrupted.path / "run.lock") as lock:
        assert lock.try_acquire()
        assert interrupted.state() == "queued"
        files.write_json(interrupted.path / "environment.json", {})
        assert interrupted.state() == "running"
    assert interrupted.state() == "interrupted"


def test_readers_of_a_lock_never_take_each_other_for_the_worker(interrupted: Run) -> None:
    path = interrupted.path / "run.lock"
    path.touch()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert not any(pool.map(_ask_often, [path] * 4, chunksize=1))


def _ask_often(path: Path) -> bool:
    return any(is_locked(path) for _ in range(2000))


def test_a_launch_that_nobody_follows_is_queued_for_ten_seconds(run: Run) -> None:
    assert run.state() == "queued"
    os.utime(run.path / "launched", (time.time() - 11,) * 2)
    assert run.state() == "interrupted"


def test_a_worker_that_died_on_its_way_leaves_the_run_interrupted_at_once(run: Run) -> None:

    with subprocess.Popen(["sleep", "60"]) as child:
        presence.mark_launch(run.path, child.pid)
        assert run.state() == "queued"
        child.kill()
        # Not waited for yet: a zombie is no worker either.
        end_by = time.monotonic() + 3
        while run.state() != "interrupted":
            assert time.monotonic() < end_by
    assert run.state() == "interrupted"


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_changes_no_state(runs: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    ended, dead, alive = (open_run(create_run(tiny_spec())) for _ in range(3))
    end(ended)
    for each in (dead, alive):
        (each.path / "launched").unlink()
    files.write_json(alive.path / "environment.json", {})
    with FileLock(alive.path / "run.lock") as lock:
        assert lock.try_acquire()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + days * DAY)
        assert [each.state() for each in (ended, dead, alive)] == ["finished", "interrupted", "running"]
        assert {summary.state for summary in list_runs()} == {"finished", "interrupted", "running"}


def test_a_process_that_was_given_a_dead_workers_id_is_never_killed(interrupted: Run) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        recorded = processes.identify(stranger.pid)
        assert recorded
        # The same process id, but another start, or another start of the machine.
        for change in ({"started": recorded["started"] - 1}, {"boot": "an earlier one"}, {"host": "another"}):
            files.write_json(interrupted.path / "worker.json", {"process": recorded | change})
            with FileLock(interrupted.path / "run.lock") as lock:
                assert lock.try_acquire()
                assert not interrupted.kill()
        # And with nobody holding the lock, not even the very process.
        files.write_json(interrupted.path / "worker.json", {"process": recorded})
        assert not interrupted.kill()
        assert stranger.poll() is None
        stranger.kill()


# Damage


def damage_run(run: Run, kind: str) -> None:
    spec, about, ended = (run.path / name for name in ("spec.json", "about.json", "end.json"))
    match kind:
        case "no spec":
            spec.unlink()
        case "torn spec":
            spec.write_bytes(spec.read_bytes()[:50])
        case "spec out of range":
            spec.write_text(spec.read_text().replace('"epochs": 5', '"epochs": -5'))
        case "spec is a folder":
            spec.unlink()
            spec.mkdir()
        case "spec is no text":
            spec.write_bytes(b"\xff\xfe\x00" * 100)
        case "no about":
            about.unlink()
        case "about is a list":
            about.write_text("[]")
        case "about of other types":
            about.write_text('{"name": 3, "tags": 4}')
        case "torn end":
            ended.write_text('{"state": "fini')
        case "unknown end":
            ended.write_text('{"state": "exploded"}')
        case "empty":
            for path in run.path.iterdir():
                path.unlink()


KINDS = [
    "no spec",
    "torn spec",
    "spec out of range",
    "spec is a folder",
    "spec is no text",
    "no about",
    "about is a list",
    "about of other types",
    "torn end",
    "unknown end",
    "empty",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_run_is_listed_with_its_reason_and_hurts_no_other(runs: Path, kind: str) -> None:
    sound, broken = create_run(tiny_spec()), open_run(create_run(tiny_spec()))
    damage_run(broken, kind)
    listed = {summary.id: summary for summary in list_runs()}
    assert listed[sound].state == "queued"
    assert listed[broken.id].state == open_run(broken.id).state() == "damaged"
    assert ".json" in listed[broken.id].reason
    assert "Traceback" not in listed[broken.id].reason


def test_an_unreadable_metrics_or_progress_file_hides_no_run(run: Run) -> None:
    (run.path / "metrics.jsonl").write_bytes(b"\xff\x00{]\n" * 3)
    (run.path / "progress.json").write_text("{")
    (run.path / "checkpoints").write_text("no folder")
    end(run)
    assert run.summary().state == "finished"
    assert (run.rows(), run.progress(), run.checkpoints()) == ([], None, [])


# The list


def test_ended_runs_are_read_once_and_again_when_they_change(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    end(run)
    long_ago = time.time() - 60
    os.utime(run.path, (long_ago, long_ago))
    read: list[str] = []
    summarize = listing.summarize
    monkeypatch.setattr(listing, "summarize", lambda run: read.append(run.id) or summarize(run))
    assert [list_runs()[0].name for _ in range(3)] == ["A run"] * 3
    assert len(read) == 1
    run.update_about(name="Another name")
    assert list_runs()[0].name == "Another name"


@pytest.fixture
def copied(run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy of the summaries that a server left behind which listed one ended run; this process knows nothing."""
    monkeypatch.setattr(listing, "WORTH_KEEPING", 1)
    end(run)
    os.utime(run.path, (time.time() - 60,) * 2)
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
    ["", "{", "[]", '{"fields": []}', '{"fields": %s, "runs": {"x": [1, {}]}}', '{"fields": %s, "runs": [3]}'],
)
def test_a_damaged_copy_is_made_again_and_loses_no_run(run: Run, copied: Path, content: str) -> None:
    copied.write_text(content.replace("%s", json.dumps(listing.FIELDS)))
    assert [summary.id for summary in list_runs()] == [run.id]


def test_runs_that_nobody_has_read_are_read_beside_while_the_newest_are_shown(runs: Path) -> None:
    made = [create_run(tiny_spec()) for _ in range(WORTH_KEEPING)]
    for run_id in made:
        end(open_run(run_id))
        os.utime(runs / run_id, (time.time() - 60,) * 2)
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
    long_ago = time.time() - 60
    (interrupted.path / "run.lock").touch()
    os.utime(interrupted.path, (long_ago, long_ago))
    assert [list_runs()[0].state for _ in range(2)] == ["interrupted"] * 2
    with FileLock(interrupted.path / "run.lock") as lock:
        assert lock.try_acquire()
        assert list_runs()[0].state == "queued"


def test_a_summary_tells_best_last_and_test_figures(run: Run) -> None:
    rows = [
        {"epoch": n, "val/accuracy": v, "val/loss": 1 - v, "seconds": 2.0 * n} for n, v in enumerate((0.5, 0.9, 0.7), 1)
    ]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    end(run, reason="All epochs done.", metrics={"test/accuracy": 0.8, "test/accuracy_best": 0.85})
    found = run.summary()
    assert (found.best_val_accuracy, found.last_val_accuracy, found.test_accuracy) == (0.9, 0.7, 0.8)
    assert found.best_val_loss == pytest.approx(0.1)
    assert (found.epoch, found.epochs, found.seconds, found.curve) == (3, 5, 6.0, (0.5, 0.9, 0.7))


def test_figures_that_are_not_finite_leave_gaps_and_no_trouble(run: Run) -> None:
    rows = [
        {"epoch": 1, "val/accuracy": math.nan, "val/loss": math.inf},
        {"epoch": 2, "val/accuracy": 0.5, "val/loss": 1.0},
    ]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    frame = run.metrics()
    assert frame["val/loss"].isna().tolist() == [True, False]
    assert list(frame) == ["epoch", "val/accuracy", "val/loss"]
    assert run.summary().best_val_accuracy == 0.5


# Metrics


def test_metrics_cut_at_any_byte_show_all_their_whole_lines(tmp_path: Path) -> None:
    lines = [files.to_line({"epoch": n, "val/loss": n / 7}) for n in range(1, 7)]
    content = b"".join(lines)
    for cut in range(len(b"".join(lines[:3])), len(content) + 1):
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(content[:cut])
        assert [row["epoch"] for row in read_rows(path)] == list(range(1, content[:cut].count(b"\n") + 1))


def test_metrics_are_followed_as_they_grow_and_when_they_are_written_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_rows(path) == []
    for n in range(1, 4):
        with path.open("ab") as file:
            file.write(files.to_line({"epoch": n}))
        assert len(read_rows(path)) == n
    # Cut back and written on to a greater length between two looks.
    path.write_bytes(b"".join(files.to_line({"epoch": n, "again": True}) for n in range(1, 6)))
    assert [row.get("again") for row in read_rows(path)] == [True] * 5


@given(st.lists(st.floats(0, 1) | st.none(), max_size=200))
def test_a_thinned_curve_keeps_its_ends_and_its_limit(values: list[float | None]) -> None:
    known, thin = [v for v in values if v is not None], thin_out(values, 40)
    assert len(thin) == min(len(known), 40)
    assert (thin[:1], thin[-1:]) == (known[:1], known[-1:])


# Files

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values))
def test_every_value_is_written_as_strict_json(tmp_path: Path, value: dict) -> None:
    files.write_json(tmp_path / "x.json", value, sync=False)
    for text in ((tmp_path / "x.json").read_text(), files.to_line(value).decode()):
        json.loads(text, parse_constant=_refuse)
    assert files.to_line(value).count(b"\n") == 1


def test_what_was_not_finite_is_named() -> None:
    assert files.to_strict({"a": {"b": [1.0, math.nan]}, "c": -math.inf}) == {
        "a": {"b": [1.0, None]},
        "c": None,
        "not_finite": ["a.b[1]", "c"],
    }


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    files.write_json(tmp_path / "x.json", {"old": 1})
    monkeypatch.setattr(os, step, lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        files.write_json(tmp_path / "x.json", {"new": 1})
    assert files.read_json(tmp_path / "x.json") == {"old": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_runs_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(RunsFolderError, match="cannot be used"):
        create_run(tiny_spec())
    assert list_runs() == []


def test_reading_runs_loads_no_torch() -> None:
    code = "import core.runs.store, core.launch.launcher, core.machine.devices, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_frame_that_somebody_changes_is_nobody_elses(run: Run) -> None:
    (run.path / "metrics.jsonl").write_bytes(files.to_line({"epoch": 1, "val/loss": 0.5}))
    frame = run.metrics()
    frame["val/loss"] = 9.0
    assert run.metrics()["val/loss"].tolist() == [0.5]
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(files.to_line({"epoch": 2, "val/loss": 0.25}))
    assert run.metrics()["val/loss"].tolist() == [0.5, 0.25]


def test_many_lines_are_read_as_one_by_one_whatever_stands_in_them(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = [files.to_line({"epoch": epoch}) for epoch in range(300)]
    path.write_bytes(b"".join(whole))
    assert read_rows(path) == [{"epoch": epoch} for epoch in range(300)]
    for odd in (b'{"epoch": \n', b'{"a": 1}, {"b": 2}\n', b'{"a": 1\n"b": 2}\n', b"[]\n", b"\xff\n", b"\n", b"NaN\n"):
        other = tmp_path / f"{odd!r}.jsonl".replace("/", "")
        other.write_bytes(b"".join([*whole[:150], odd, *whole[150:]]))
        assert [row["epoch"] for row in read_rows(other) if "epoch" in row] == list(range(300))
