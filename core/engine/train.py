"""Training, as one generator: a spec and data in, events out. It opens no run folder.

Images stay on the device as bytes and are augmented there in whole batches. Nothing in a step waits for the device: the
sums of loss and right answers are kept on it, with copies after some of the steps, and read at most twice a second and
at an epoch's end.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from core.engine.augment import Augment
from core.engine.conditions import settle
from core.engine.data import Data, ImageSet
from core.engine.device import name_device, pick_device, pick_precision
from core.engine.evaluate import NUM_VIEWS, Evaluation, Scores, evaluation_batch
from core.engine.events import (
    EpochEnd,
    Event,
    Finished,
    Metrics,
    Pace,
    Phase,
    Progress,
    Started,
    StepPoint,
    Stopped,
    Work,
)
from core.engine.failures import check_finite, check_validation, explain_failures
from core.engine.model import count_parameters
from core.engine.optim import set_learning_rate, skip_compiler_import
from core.engine.state import Stopwatch, TrainState, alternate_flips, seed_batch, shuffle
from core.engine.step import BatchRole, make_step
from core.spec import RunSpec, TestViews
from core.spec.schedule import ImageSides, LearningRate, lookahead_share, updates_of_last_epoch, updates_per_epoch
from core.stats.thinning import is_kept

PROGRESS_SECONDS = 0.5


def train(
    spec: RunSpec,
    data: Data,
    *,
    resume: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    device: torch.device | None = None,
    test: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Trains and yields `Started`, then `Progress` and an `EpochEnd` an epoch, then `Finished` or `Stopped`.

    `resume` is a state from an `EpochEnd` or `Stopped`, which stays as it is: training continues exactly from there
    (bit for bit on a CPU), or `Started` has a note of what could not be as it was.
    `should_stop` is asked after every batch. `device` overrides the spec's. Without `test` the test images stay unused;
    from the last state, `train` can later add them with the same result. `clock` times the work: one that stands still
    while the process does keeps that time out of every pace, and not out of the seconds that the training took. Raises
    TrainingError, and CheckpointError for a state of another spec or of other images.
    """
    skip_compiler_import()
    device = device or pick_device(spec.train.device)
    with explain_failures(spec, device), keep_settings(device):
        check_validation(spec, data)
        conditions = settle(spec.train, device, resume)
        torch.set_num_threads(conditions.threads)
        run = TrainingRun(spec, data.to(device), device, should_stop, conditions.dtype, clock)
        run.tests = test
        if resume is not None:
            run.state.restore(resume)
        run.plan_scores()
        run.state.conditions = conditions.kept
        yield run.describe_start(conditions.notes)
        try:
            while not run.state.is_over():
                yield from run.train_epoch()
                yield run.report_epoch((yield from run.validate()))
            yield (yield from run.finish())
        except StopRequested:
            yield Stopped(run.state.to_checkpoint(), run.take_points())


class StopRequested(Exception):
    """Raised between two batches, once `should_stop` says so."""


class TrainingRun:
    """The steps of the method, around the state that they change."""

    def __init__(
        self,
        spec: RunSpec,
        data: Data,
        device: torch.device,
        should_stop: Callable[[], bool],
        dtype: torch.dtype | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.data, self.device, self.should_stop, self.clock = spec, data, device, should_stop, clock
        self.dtype = dtype or pick_precision(spec.train.precision, device)
        self.batches = split_batches(len(data.train), spec.train.batch_size)
        self.updates_per_epoch = updates_per_epoch(spec.train, len(data.train))
        last = updates_of_last_epoch(spec.train, self.updates_per_epoch) * spec.train.accumulation
        self.last_batches = self.batches[:last]  # of the last epoch, which may be shorter
        self.measured, self.last_measured = (
            find_last_full(batches, spec.train.accumulation) for batches in (self.batches, self.last_batches)
        )
        self.schedule = LearningRate(spec.train, self.updates_per_epoch)
        self.sides = ImageSides(spec.train, spec.data.image_size)
        self.state = TrainState(spec, data, device)
        self.val_logits: dict[str, np.ndarray] = {}  # of the last epoch and the best, if this process has scored them
        self.tests = True  # whether the test images are looked at once the last epoch has ended
        self.trained, self.scored, self.left_to_score = Pace(), Pace(), 0
        self.next_progress = 0.0  # the first batch is reported at once
        self.noted: list[tuple[StepPoint, torch.Tensor]] = []  # each with the sums of its epoch, on the device
        augment = Augment(spec.augment, spec.data.num_classes, data.mean, data.std, self.dtype)
        self.step = make_step(spec, self.state, data.train, augment, self.dtype)
        self.awake, self.real = Stopwatch(clock=clock), Stopwatch()

    def describe_start(self, notes: tuple[str, ...]) -> Started:
        return Started(
            device=str(self.device),
            device_name=name_device(self.device),
            precision=str(self.dtype).removeprefix("torch."),
            parameters=count_parameters(self.state.model),
            updates_per_epoch=self.updates_per_epoch,
            epoch=self.state.epoch,
            threads=torch.get_num_threads(),
            notes=notes,
        )

    def train_epoch(self) -> Generator[Progress, None, None]:
        """The remaining batches of this epoch, in an order that follows from seed and epoch."""
        state = self.state
        order = shuffle(len(self.data.train), self.spec.train.seed, state.epoch).to(self.device)
        mirrored = None
        if self.spec.augment.flip_order == "alternating":
            mirrored = alternate_flips(len(self.data.train), self.spec.train.seed, state.epoch).to(self.device)[order]
        batches = self.batches_of(state.epoch)
        watch, before = Stopwatch(state.epoch_seconds, self.clock), self.trained
        left, seconds = self._left_to_train(), state.epoch_seconds  # above 0 after a resume within an epoch
        state.begin_epoch()
        while state.batch < len(batches):
            start, stop = batches[state.batch]
            role = self._find_role()
            set_learning_rate(state.optimizer, self.learning_rate())
            self._set_lookahead()
            seed_batch(state.generator, self.spec.train.seed, state.epoch, state.batch)
            self.step(order[start:stop], None if mirrored is None else mirrored[start:stop], role)
            state.batch, state.images, state.step = state.batch + 1, stop, state.step + role.ends_group
            state.epoch_seconds = watch.seconds
            self._note_step(role)
            if self._progress_is_due():
                loss, speed = self._check_loss(), stop / watch.seconds
                self.trained = before.plus(left - self._left_to_train(), watch.seconds - seconds)
                work, points = self.count_work(), self.take_points()
                yield Progress(state.epoch + 1, state.batch, len(batches), loss, speed, work=work, points=points)
            self._check_stop()
        self._check_loss()  # waits for the device, so that the time is of work done
        state.epoch_seconds = watch.seconds
        self.trained = before.plus(left - self._left_to_train(), watch.seconds - seconds)

    def batches_of(self, epoch: int) -> list[tuple[int, int]]:
        """Start and stop of each batch of an epoch, counted from 0."""
        return self.last_batches if epoch == self.spec.train.epochs - 1 else self.batches

    def validate(self) -> Generator[Progress, None, Scores | None]:
        """The scores of the epoch's weights; None where no images are held out."""
        if not len(self.data.val):
            return None
        return (yield from self.score("validate", self.state.evaluated, self.data.val))

    def score(
        self, phase: Phase, model: nn.Module, part: ImageSet, views: TestViews = "none"
    ) -> Generator[Progress, None, Scores]:
        """Loss, accuracy and logits of `model` on images that it is not trained on."""
        batch_size = evaluation_batch(self.spec.train)
        evaluation = Evaluation(model, part, self.data, batch_size=batch_size, dtype=self.dtype, views=views)
        watch, epoch = Stopwatch(clock=self.clock), min(self.state.epoch + 1, self.spec.train.epochs)
        before, left = self.scored, self.left_to_score
        for batch, images in enumerate(evaluation, 1):
            self.scored = before.plus(images * NUM_VIEWS[views], watch.seconds)
            self.left_to_score = left - images * NUM_VIEWS[views]
            if self._progress_is_due():
                speed = images / watch.seconds
                work, points = self.count_work(), self.take_points()
                yield Progress(epoch, batch, len(evaluation), None, speed, phase, work, points)
            self._check_stop()
        scores = evaluation.scores()
        self.scored = before.plus(len(part) * NUM_VIEWS[views], watch.seconds)  # waited for the device
        self._check_finite(scores.loss)
        return scores

    def report_epoch(self, val: Scores | None) -> EpochEnd:
        state, (metrics, is_best) = self.state, self.end_epoch(val)
        checkpoint, work, points = state.to_checkpoint(), self.count_work(), self.take_points()
        logits = val.logits if val else np.empty((0, self.spec.data.num_classes), np.float32)
        return EpochEnd(state.epoch, metrics, logits, is_best, checkpoint, work, points)

    def end_epoch(self, val: Scores | None) -> tuple[Metrics, bool]:
        """Takes in the validation's scores; returns the epoch's metrics and whether it is the best so far."""
        metrics, is_best = self.state.end_epoch(val, self.learning_rate(self.state.step - 1))
        if val:
            self.val_logits |= {"last": val.logits, **({"best": val.logits} if is_best else {})}
        self.plan_scores()
        return metrics, is_best

    def plan_scores(self) -> None:
        """Counts the images that are still to be scored: each epoch's validation, and the looks at the test images."""
        state, views = self.state, self.spec.train.test_views
        # Until the end it is open whether the last are the best; without validation none are.
        weights = ["last", "best"] if len(self.data.val) else ["last"]
        validations = self.spec.train.epochs - state.epoch
        if state.is_over():
            weights = weights[: 1 if self._last_is_best() else 2]
            validations = len([which for which in weights if which not in self.val_logits])
        looks = (1 if views == "none" else 1 + NUM_VIEWS[views]) * len(weights) if self.tests else 0
        self.left_to_score = validations * len(self.data.val) + looks * len(self.data.test)

    def _last_is_best(self) -> bool:
        best, last = self.state.best, self.state.last
        return best is not None and last is not None and best["epoch"] == last["epoch"]

    def count_work(self) -> Work:
        left = 0.0 if self.state.is_over() else self._left_to_train()
        away = max(0.0, self.real.seconds - self.awake.seconds)
        return Work(self.trained, self.scored, left, max(0, self.left_to_score), away)

    def _left_to_train(self) -> float:
        """Images, of smaller ones as many as cost the same."""
        each, (_, last) = len(self.data.train), self.last_batches[-1]
        total = (self.spec.train.epochs - 1) * each + last
        return self.sides.left(self.state.epoch * each + self.state.images, total)

    def finish(self) -> Generator[Progress, None, Finished]:
        """The only use of the test images, if there is to be one: by the last weights and by the best on validation."""
        state, test = self.state, self.tests
        last = state.last
        assert last is not None
        metrics: Metrics = {}
        logits, views = {}, self.spec.train.test_views
        for which, model in self._list_chosen():
            # The last epoch may be the best: the same weights need not look twice.
            is_new = which == "last" or not self._last_is_best()
            if test and is_new:
                scores = seen_often = yield from self.score("test", model, self.data.test)
                if views != "none":
                    seen_often = yield from self.score("test", model, self.data.test, views)
            if is_new and which not in self.val_logits and len(self.data.val):
                self.val_logits[which] = (yield from self.score("validate", model, self.data.val)).logits
            if len(self.data.val):
                logits[f"val_{which}"] = self.val_logits[which if is_new else "last"]
            if test:
                suffix = "_best" if which == "best" else ""
                metrics |= {f"test/accuracy{suffix}": scores.accuracy, f"test/loss{suffix}": scores.loss}
                logits[f"test_{which}"] = scores.logits
                if views != "none":
                    metrics[f"test/accuracy{suffix}_views"] = seen_often.accuracy
        if best := state.best:
            metrics |= {
                "best/epoch": best["epoch"],
                "best/val_accuracy": best["val/accuracy"],
                "best/val_loss": best["val/loss"],
            }
        figures = ("train/accuracy", "train/loss", "val/accuracy", "val/loss")
        metrics |= {
            "last/epoch": last["epoch"],
            **{f"last/{name.replace('/', '_')}": last[name] for name in figures if name in last},
            "train_seconds": last["seconds"],
        }
        early: Literal["goal", "early_stopping"] = "goal" if state.stops_at_goal() else "early_stopping"
        return Finished(metrics, early if state.stops_early() else "epochs", logits)

    def _list_chosen(self) -> list[tuple[str, nn.Module]]:
        """The weights that the test images are for: the last, and the best on validation."""
        state = self.state
        if state.best is None:
            return [("last", state.evaluated)]
        best = copy.deepcopy(state.evaluated)
        best.load_state_dict(state.best["weights"])
        return [("last", state.evaluated), ("best", best)]

    def learning_rate(self, step: int | None = None) -> float:
        """The rate of update number `step`, of the next one by default."""
        state = self.state
        return self.schedule.at((state.step if step is None else step) + state.ahead, state.plateau.reductions)

    def _set_lookahead(self) -> None:
        state = self.state
        if state.lookahead is not None:
            done = state.step + state.ahead + 1  # after the update that this batch is of
            state.lookahead.set_share(lookahead_share(self.spec.train, done, self.schedule.total))

    def _find_role(self) -> BatchRole:
        """What the current batch is to the group that makes one update."""
        train, state = self.spec.train, self.state
        batches, is_last = self.batches_of(state.epoch), state.epoch == self.spec.train.epochs - 1
        first = state.batch // train.accumulation * train.accumulation
        group = batches[first : first + train.accumulation]
        start, stop = batches[state.batch]
        every, ends = train.lookahead_steps, stop == group[-1][1]
        # Batches before an update ignore what happens at it, so that they are of one kind, with one graph.
        return BatchRole(
            share=(stop - start) / (group[-1][1] - group[0][0]),
            ends_group=ends,
            pulls_back=ends and every > 0 and (state.step + 1) % every == 0,
            falls_back=every > 0 and train.lookahead_rises and stop == batches[-1][1],
            is_measured=train.layer_norms and state.batch == (self.last_measured if is_last else self.measured),
            side=self._find_side(),
        )

    def _find_side(self) -> int:
        side = self.sides.at(self.state.step + self.state.ahead, self.schedule.total)
        return 0 if side == self.sides.full else side

    def _note_step(self, role: BatchRole) -> None:
        """Keeps the sums after this update for `take_points`: one small copy, of ever fewer steps, and no wait."""
        state, (losses, right, images) = self.state, self.state.done
        ends_epoch = state.batch == len(self.batches_of(state.epoch))
        if ends_epoch or (role.ends_group and is_kept(state.step, state.step)):
            epochs = state.epoch + state.batch / len(self.batches)
            sums = StepPoint(state.step, epochs, state.watch.seconds, images + state.images, losses, right)
            self.noted.append((sums, state.totals.clone()))

    def take_points(self) -> tuple[StepPoint, ...]:
        """What was noted since the last call; waits for the device."""
        noted, self.noted = self.noted, []
        if not noted:
            return ()
        totals = torch.stack([total for _, total in noted]).tolist()
        return tuple(
            replace(point, loss=point.loss + loss, right=point.right + right)
            for (point, _), (loss, right) in zip(noted, totals, strict=True)
        )

    def _progress_is_due(self) -> bool:
        now = time.monotonic()
        if now < self.next_progress:
            return False
        self.next_progress = now + PROGRESS_SECONDS
        return True

    def _check_stop(self) -> None:
        if self.should_stop():
            raise StopRequested

    def _check_loss(self) -> float:
        loss = self.state.mean_loss()
        self._check_finite(loss)
        return loss

    def _check_finite(self, loss: float) -> None:
        state = self.state
        epoch = min(state.epoch + 1, self.spec.train.epochs)
        rate = self.learning_rate(max(0, state.step - 1))
        check_finite(loss, self.spec, epoch=epoch, step=state.step, learning_rate=rate)


def split_batches(count: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and stop of each batch; the last one may be smaller, but is no single image if that can be avoided.

    Batch normalisation cannot train on one image whose map is 1x1, and learns little from it elsewhere.
    """
    starts = list(range(0, count, batch_size))
    if count % batch_size == 1 and len(starts) > 1 and batch_size > 2:
        starts[-1] -= 1
    return list(zip(starts, [*starts[1:], count], strict=True))


def find_last_full(batches: list[tuple[int, int]], accumulation: int) -> int:
    """The batch at which an epoch makes its last update from as many images as any other."""
    sizes = [stop - start for start, stop in batches]
    ends = range(accumulation - 1, len(batches), accumulation)
    full = [end for end in ends if sizes[end] == sizes[0]]
    return full[-1] if full else len(batches) - 1


@contextmanager
def keep_settings(device: torch.device) -> Iterator[None]:
    """Makes `device` the current one, and restores torch's random state and settings afterwards."""
    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    on_cuda = device.type == "cuda"
    # Streams and graphs that name no device are the current one's: on a second GPU they would order nothing.
    current = torch.cuda.device(device) if on_cuda else nullcontext()
    with current, torch.random.fork_rng([device] if on_cuda else []):
        try:
            # All batches but the last have one shape: cuDNN's search for the fastest algorithm pays.
            torch.backends.cudnn.benchmark = True
            yield
        finally:
            torch.backends.cudnn.benchmark = benchmark
            torch.set_num_threads(threads)
