"""Only finished runs of this lab, on the same images, tell of a run's end."""

import pytest

from core.compare.snapshot import read_run
from core.forecast.interval import FIGURES
from core.forecast.peers import has_same_images, is_like, is_same_task, list_finished, look_ahead, pick_like
from core.imports.keep import publish_foreign
from core.runs.folder import Run
from tests.core.doctor.watched import spec_of
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.forecast.peers.MAX_AGE", 0.0)
    monkeypatch.setattr("core.forecast.peers.READ_SECONDS", 60.0)


def ids(run: Run) -> set[str]:
    return {other.id for other in list_finished(read_run(run.id))}


def test_peers_are_finished_and_of_the_same_images() -> None:
    run = make_run("stopped", epochs_done=3)
    same = {make_run().id, make_run(settings=("train.epochs=7", "data.val_fraction=0.2")).id}
    make_run("failed")
    make_run(preset="report", settings=("train.epochs=5",))
    publish_foreign(make_foreign(), MAPPING)
    assert ids(run) == same


def test_like_is_how_the_schedule_ends() -> None:
    falling, constant = (spec_of(train={"epochs": 5, "schedule": name}).train for name in ("linear", "constant"))
    assert is_like(falling, spec_of(train={"schedule": "cosine"}).train)
    assert not is_like(falling, constant)
    runs = [make_run(settings=(f"train.schedule={name}", "train.epochs=5")) for name in ("cosine", "constant")]
    found = [read_run(run.id) for run in runs]
    assert pick_like(found[0], found, 1) == [found[0]]
    assert pick_like(found[0], found, 2) == found


def test_a_task_is_one_set_of_held_out_images() -> None:
    small, other = spec_of(), spec_of(data={"dataset": "digits", "val_fraction": 0.3})
    assert has_same_images(small.data, other.data)
    assert not is_same_task(small, other)
    assert is_same_task(small, spec_of(data={"dataset": "digits", "image_size": 16}))


def test_looking_ahead_uses_the_epochs_up_to_then() -> None:
    run = read_run(make_run().id)
    early, late = look_ahead(run, 3, FIGURES[1]), look_ahead(run, 5, FIGURES[1])
    assert early is not None
    assert late is not None
    assert early.centre > late.centre  # the loss falls
