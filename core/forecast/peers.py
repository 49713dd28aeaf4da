"""Which finished runs tell of a run's end: the lab's own, on the same images, with a schedule that ends alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice

from core.compare.snapshot import ComparedRun, read_run
from core.forecast.extrapolate import FloatArray, Outlook, extrapolate, spend_rates
from core.forecast.interval import Figure
from core.runs.listing import list_known
from core.spec import DataSpec, RunSpec, TrainSpec
from core.spec.schedule import updates_per_epoch
from core.system.errors import LabError

MOST_READ, MOST_PEERS = 150, 60  # the newest
READ_SECONDS, MAX_AGE = 0.1, 5.0
# The images of a training but for how many of them, and in what size.
_IMAGES = ("dataset", "folder", "folder_parts")


def is_like(train: TrainSpec, other: TrainSpec) -> bool:
    """Whether two trainings end alike: at a rate that has fallen, or at the one they began with."""
    return (train.schedule == "constant") == (other.schedule == "constant")


def has_same_images(data: DataSpec, other: DataSpec) -> bool:
    return all(getattr(data, name) == getattr(other, name) for name in _IMAGES)


def is_same_task(spec: RunSpec, other: RunSpec) -> bool:
    """Whether their validation accuracies are of the same images, so that one can beat the other."""
    return spec.data.model_copy(update={"image_size": 0}) == other.data.model_copy(update={"image_size": 0})


def list_finished(run: ComparedRun) -> list[ComparedRun]:
    """The newest finished runs of this lab on the same kind of images, but for the run itself."""
    finished = (
        summary.id
        for summary in list_known(READ_SECONDS, MAX_AGE).runs
        if summary.state == "finished" and not summary.tool and summary.id != run.id
    )
    found = []
    for run_id in islice(finished, MOST_READ):
        with suppress(LabError, OSError):
            other = read_run(run_id)
            if other.rows and not other.damage and has_same_images(other.spec.data, run.spec.data):
                found.append(other)
    return found[:MOST_PEERS]


def pick_like(run: ComparedRun, finished: Sequence[ComparedRun], least: int) -> list[ComparedRun]:
    """Those that ran through a schedule that ends like the run's; whatever the schedule if these are too few."""
    whole = [other for other in finished if len(other.rows) >= other.spec.train.epochs]
    like = [other for other in whole if is_like(other.spec.train, run.spec.train)]
    return like if len(like) >= least else whole


@lru_cache(maxsize=4096)  # each holds on to its run
def look_ahead(run: ComparedRun, done: int, figure: Figure) -> Outlook | None:
    """What was expected of a run after so many epochs."""
    train = run.spec.train
    images = int(run.environment.get("train_images") or 0)
    rates = _spend(train, updates_per_epoch(train, images) if images else 1)
    return extrapolate(run.column(figure.column)[:done], rates, figure.floor)


@lru_cache(maxsize=256)
def _spend(train: TrainSpec, updates: int) -> FloatArray:
    return spend_rates(train, updates)
