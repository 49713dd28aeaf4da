"""The doctor beside a training: it notes what it finds in the run's folder, tells a verdict once, and ends nothing."""

from pathlib import Path
from typing import Any

import pytest

from core.doctor import watch as module
from core.doctor.watch import Watch, look_once
from core.launch.launcher import start_run
from core.notify.journal import read_messages
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import About
from core.runs.store import open_run
from core.system import files
from tests.core.workers import tiny_spec, wait_for, wait_for_state
from tests.pages.sample_runs import make_rows, make_run

pytestmark = pytest.mark.usefixtures("lab_folders")
TITLE = "The learning rate is too high"


def write_losses(run: Run, losses: list[float]) -> None:
    rows = [row | {"train/loss": loss} for row, loss in zip(make_rows(len(losses)), losses, strict=True)]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))


def make_ill(losses: list[float], **made: Any) -> Run:
    run = make_run("interrupted", settings=("train.epochs=20",), **made)
    write_losses(run, losses)
    return run


def test_what_is_found_stands_in_the_list_of_runs() -> None:
    ill, sound = make_ill([9.0, 7.0], name="ill"), make_ill([2.0, 1.5], name="sound")
    for run in (ill, sound):
        Watch(run.path).look()
    told = {run.name: (run.ailments, run.given_up) for run in list_runs()}
    assert told == {"ill": ((TITLE,), False), "sound": ((), False)}
    assert not (sound.path / "doctor.json").exists()


def test_a_verdict_is_noted_told_once_and_taken_back_if_it_recovers() -> None:
    run = make_ill([9.0] * 4, name="hopeless")
    watch = Watch(run.path)
    for _ in range(2):
        watch._next = 0.0
        watch.look()
    assert run.summary().given_up
    (message,) = read_messages(0)
    assert (message.event, message.title) == ("given_up", "Run hopeless: given up by the doctor")
    assert message.reason.startswith(f"{TITLE}: Mean training loss of epoch 1 is 9.00;")
    write_losses(run, [*[9.0] * 4, 1.0])
    watch._next = 0.0
    watch.look()
    assert (run.summary().ailments, run.summary().given_up) == ((TITLE,), False)


def test_a_verdict_stays_through_the_last_epoch_and_the_end() -> None:
    run = make_ill([9.0] * 4)
    Watch(run.path).look()
    write_losses(run, [9.0] * 20)
    Watch(run.path).look()
    files.write_json(run.path / "end.json", {"state": "finished", "metrics": {}})
    look_once(run.path)
    assert run.summary().given_up


def test_one_that_is_stopped_stays_given_up_and_its_end_is_looked_at() -> None:
    run = make_ill([9.0] * 4)
    Watch(run.path).look()
    files.write_json(run.path / "end.json", {"state": "stopped", "reason": ""})
    look_once(run.path)
    assert run.summary().given_up
    assert len(read_messages(0)) == 1


def test_it_looks_no_oftener_than_a_twentieth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looked = [0.0], []

    def look(watch: Watch) -> None:
        looked.append(now[0])
        now[0] += 1.0

    monkeypatch.setattr(module, "_look", look)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    watch = Watch(Path("run"))
    now[0] = 5.0
    for _ in range(100):
        watch.look()
        now[0] += 0.5
    assert looked == [5.0, 26.0, 47.0]


def test_whatever_goes_wrong_is_a_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run = make_ill([9.0, 7.0])
    monkeypatch.setattr("core.system.files.write_json", fail)
    Watch(run.path).look()
    assert capsys.readouterr().out.strip().endswith("The doctor could not look: OSError.")
    assert not (run.path / "doctor.json").exists()


def test_a_worker_looks_while_it_trains_and_at_its_end(quick_workers: Path) -> None:
    run = open_run(start_run(tiny_spec(epochs=4, batch_size=4), About(name="tiny")))
    assert wait_for_state(run, "finished", "failed") == "finished"
    wait_for(lambda: "Batch norm with tiny batches" in run.summary().ailments)
    assert "could not look" not in run.log_tail()
