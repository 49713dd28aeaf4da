"""The Lab shows the machine, the queue, the data and the disk, and what it changes is changed."""

import pytest

from core.data.downloads import DownloadProgress
from core.launch.disk import delete_checkpoints, measure_runs
from core.launch.launcher import LauncherError
from core.machine import queue
from core.machine.devices import list_devices
from core.runs.store import open_run
from core.system.folders import runs_folder
from core.system.locks import FileLock
from tests.pages.conftest import labels, press, texts
from tests.pages.sample_runs import add_checkpoint, make_run, training


def test_slots_of_a_device_are_set_and_kept(open_page) -> None:
    page = open_page("lab")
    page.number_input(key="slots.cpu").set_value(3).run()
    assert next(device.slots for device in list_devices() if device.id == "cpu") == 3


def test_a_device_names_the_run_that_holds_it(open_page) -> None:
    run = make_run(name="busy <one>", epochs_done=1)
    slot = FileLock(queue.slot_path(runs_folder(), "cpu", 0))
    with training(run):
        assert slot.acquire(1)
        slot.write(run.id)
        text = texts(open_page("lab"))
        slot.release()
    assert f'href="run?id={run.id}"' in text
    assert "busy &lt;one&gt;" in text


def test_the_queue_is_shown_in_order_and_changed_from_here(open_page) -> None:
    waiting = [make_run("interrupted", name=name, epochs_done=0) for name in ("first", "second")]
    locks = []
    for run in waiting:
        (run.path / "environment.json").unlink()
        locks.append(FileLock(run.path / "run.lock"))
        assert locks[-1].acquire(1)
        queue.enqueue(runs_folder(), run.id, "cpu")
    page = open_page("lab")
    text = texts(page)
    assert text.index("first") < text.index("second")
    press(page, "Run next")
    assert [ticket.run_id for ticket in queue.read_queue(runs_folder())] == [waiting[1].id, waiting[0].id]
    press(page, "Cancel")
    assert waiting[1].stop_requested
    assert not waiting[0].stop_requested


def test_an_empty_queue_says_so(open_page) -> None:
    assert "The queue is empty" in texts(open_page("lab"))


def test_a_download_shows_how_far_it_is(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = DownloadProgress("running", 50_000_000, 200_000_000, "")
    monkeypatch.setattr("core.data.downloads.read_download", lambda name: progress if name == "cifar10" else None)
    page = open_page("lab")
    assert "50.0 MB of 200 MB" in texts(page)
    assert "width:25.0%" in texts(page)
    assert [label for label in labels(page) if label.startswith("Download")] == ["Download 169 MB"]


def test_a_failed_download_gives_its_reason_and_another_try(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = DownloadProgress("failed", 0, 100, "CIFAR-10 arrived damaged: its checksum is wrong.")
    monkeypatch.setattr("core.data.downloads.read_download", lambda name: progress if name == "cifar10" else None)
    page = open_page("lab")
    assert "its checksum is wrong" in texts(page)
    assert "Download 170 MB" in labels(page)


def test_disk_use_counts_every_file_of_a_run() -> None:
    run = make_run(name="large")
    add_checkpoint(run, b"x" * 50_000)
    make_run(name="small")
    largest, smallest = measure_runs()
    assert (largest.name, smallest.name) == ("large", "small")
    assert largest.bytes == sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    assert largest.checkpoint_bytes > 50_000
    assert smallest.checkpoint_bytes == 0


def test_deleting_checkpoints_keeps_every_result() -> None:
    run = make_run()
    add_checkpoint(run, b"x" * 10_000)
    before = run.summary()
    assert delete_checkpoints(run.id) > 10_000
    assert open_run(run.id).checkpoints() == []
    assert run.summary() == before
    assert not list(run.path.glob(".checkpoints*"))


def test_checkpoints_of_a_run_that_trains_are_not_deleted() -> None:
    run = make_run(epochs_done=1)
    add_checkpoint(run)
    with training(run), pytest.raises(LauncherError, match="not over yet"):
        delete_checkpoints(run.id)
    assert run.checkpoints()


def test_clean_up_is_offered_for_archived_runs_only(open_page) -> None:
    add_checkpoint(make_run(name="kept"))
    add_checkpoint(make_run(name="old", archived=True), b"x" * 2000)
    offered = {button.label: button.disabled for button in open_page("lab").button if "archived" in button.label}
    assert list(offered)[1] == "Delete archived runs (1)"
    assert not any(offered.values())


def test_without_archived_runs_there_is_nothing_to_clean_up(open_page) -> None:
    add_checkpoint(make_run(name="kept"))
    offered = [button for button in open_page("lab").button if "archived" in button.label]
    assert len(offered) == 2
    assert all(button.disabled for button in offered)


def test_versions_and_folders_are_told(open_page) -> None:
    text = texts(open_page("lab"))
    assert "<td>streamlit</td>" in text
    assert str(runs_folder()) in text
