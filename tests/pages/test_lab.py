"""The Lab shows the machine, the queue, the data and the disk, and what it changes is changed."""

import re

import pytest
import streamlit as st

from core.data.downloads import DownloadProgress
from core.machine import queue
from core.machine.devices import list_devices
from core.system.folders import runs_folder
from core.system.locks import FileLock
from tests.pages.conftest import labels, press, texts
from tests.pages.sample_runs import add_checkpoint, make_run, training


def test_slots_of_a_device_are_set_and_kept(open_page) -> None:
    page = open_page("lab")
    page.text_input(key="slots.cpu").set_value("3").run()
    assert next(device.slots for device in list_devices() if device.id == "cpu") == 3
    page.text_input(key="slots.cpu").set_value("1e1").run()
    assert "Slots must be a whole number, not “1e1”." in texts(page)
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
    assert [label for label in labels(page) if label.startswith("Download")] == [
        "Download (169 MB)",
        "Download (30.9 MB)",
        "Download (246 MB)",
    ]


def test_a_failed_download_gives_its_reason_and_another_try(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = DownloadProgress("failed", 0, 100, "CIFAR-10 arrived damaged: its checksum is wrong.")
    monkeypatch.setattr("core.data.downloads.read_download", lambda name: progress if name == "cifar10" else None)
    page = open_page("lab")
    assert "its checksum is wrong" in texts(page)
    assert "Download (170 MB)" in labels(page)


def test_a_download_that_broke_goes_on_or_is_discarded(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = DownloadProgress("failed", 100_000_000, 170_498_071, "The connection was cut.")
    monkeypatch.setattr("core.data.downloads.read_download", lambda name: progress if name == "cifar10" else None)
    assert {"Go on (70.5 MB left)", "Discard"} <= set(labels(open_page("lab")))


def test_clean_up_is_offered_for_archived_runs_only(open_page) -> None:
    add_checkpoint(make_run(name="kept"))
    add_checkpoint(make_run(name="old", archived=True), b"x" * 2000)
    offered = {button.label: button.disabled for button in open_page("lab").button if "archived" in button.label}
    assert list(offered)[1] == "Delete archived runs (1)"
    assert not any(offered.values())


def test_without_archived_runs_there_is_nothing_to_clean_up(open_page) -> None:
    page = open_page("lab")
    assert not [label for label in labels(page) if "archived" in label]
    assert "in 0 runs" not in texts(page)
    add_checkpoint(make_run(name="kept"))
    st.cache_data.clear()  # sizes are measured every ten seconds
    page = open_page("lab")
    assert not [label for label in labels(page) if "archived" in label]
    assert "archive runs on Runs" in texts(page)


def test_a_long_name_among_the_largest_runs_breaks_where_the_page_is_narrow(open_page) -> None:
    run = make_run(name="a rather long name of a run " * 4)
    assert re.search(rf'<td class="lab-wrap"><span[^>]*></span><a href="run\?id={run.id}">', texts(open_page("lab")))


def test_versions_and_folders_are_told(open_page) -> None:
    text = texts(open_page("lab"))
    assert "<td>streamlit</td>" in text
    assert str(runs_folder()) in text
