"""What is on the disk is whole, however the script ends."""

from __future__ import annotations

import os
import signal

import pytest

import core.log as lab
from core.notify.journal import read_messages
from core.notify.settings import Settings, save_settings
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.system.locks import RunsFolderError
from tests.core.log.scripts import points_of, start_script

pytestmark = pytest.mark.usefixtures("runs")

LOGGING = """
import core.log as lab
run = lab.init(project="p", name="n")
for step in range(100_000_000):
    lab.log({"train/loss": step})
    if step == 1000:
        while not run._record._size:
            pass
        print(run.id, flush=True)
"""


def test_a_killed_script_leaves_an_interrupted_run_with_whole_points_that_goes_on_where_it_stood() -> None:
    script = start_script(LOGGING)
    assert script.stdout
    run = open_run(script.stdout.readline().strip())
    assert run.state() == "running"
    with pytest.raises(RunsFolderError, match="Another process is logging the run n"):
        lab.init(project="p", name="n", resume="allow")
    script.send_signal(signal.SIGKILL)
    script.communicate()
    assert run.state() == "interrupted"
    assert run.damage() == ""
    points = points_of(run)["train/loss"]
    assert points == [(step, float(step)) for step in range(len(points))]
    with open(run.path / "series.bin", "ab") as file:
        file.write(b"SERI\4\0\0")  # as a process leaves it that dies while it writes
    with lab.init(project="p", name="n", resume="must") as resumed:
        resumed.log({"train/loss": -1.0})
    assert resumed.id == run.id
    assert points_of(run)["train/loss"] == [*points, (len(points), -1.0)]
    assert run.state() == "finished"


@pytest.mark.parametrize("in_background", [False, True])
def test_stop_on_the_page_interrupts_the_script(in_background: bool) -> None:
    from core.launch.launcher import request_stop

    # As a shell starts what it runs in the background.
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)} if in_background else {}
    script = start_script(LOGGING, **ignoring)
    try:
        assert script.stdout
        run = open_run(script.stdout.readline().strip())
        assert request_stop(run.id)
        script.communicate(timeout=60)
    finally:
        script.kill()
    assert (run.state(), (run.end() or {})["reason"]) == ("stopped", "Stopped on request.")


def test_a_run_that_is_deleted_meanwhile_does_not_end_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    run = lab.init(project="p")
    shutil.rmtree(open_run(run.id).path)
    run.log({"a": 1})
    lab.finish()
    assert not list_runs()
    assert "What was logged last could not be written: No such file or directory." in capsys.readouterr().err


def test_points_that_a_full_disk_did_not_take_are_written_once_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost or stands twice, and the file has no torn block in between."""
    run = lab.init(project="p", name="n")
    real, tries = os.pwrite, []

    def fail_twice(fd: int, content: bytes, offset: int) -> int:
        tries.append(len(content))
        return real(fd, content[: len(content) // 2], offset) if len(tries) <= 2 else real(fd, content, offset)

    monkeypatch.setattr(os, "pwrite", fail_twice)
    run.log({"a": 1.0})
    while not tries:
        pass
    run.log({"a": 2.0})
    run.finish()
    assert len(tries) >= 2
    found = open_run(run.id)
    assert points_of(found) == {"a": [(0, 1.0), (1, 2.0)]}
    assert found.series().fault == ""


def test_people_are_told_of_its_end_and_once_of_a_figure_that_it_beats() -> None:
    save_settings(Settings(figures={"val/accuracy": 0.5}))
    with lab.init(project="p", name="n") as run:
        for accuracy in (0.4, 0.6, 0.7):
            run.log({"val/accuracy": accuracy})
    told = {message.event: message for message in read_messages(0)}
    assert len(read_messages(0)) == 2
    assert told["figure"].title.startswith("Run n: validation accuracy above 50.00 %")
    assert (told["finished"].title, told["finished"].figures[0].value) == ("Run n finished", 0.7)
    assert all(figure.label != "Epochs" for figure in told["finished"].figures)
