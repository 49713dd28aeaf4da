"""Everything that changes while a network is trained, and its way into a checkpoint and back.

Random numbers are no part of it: whatever is drawn in a batch comes from generators seeded by (seed, epoch, batch). So
a training resumes exactly from anywhere, and nothing else that draws numbers in the process can change it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.engine.checkpoint import CheckpointError
from core.engine.data import Data
from core.engine.evaluate import Scores
from core.engine.events import Metrics
from core.engine.model import build_model, find_frozen
from core.engine.norms import LayerNorms
from core.engine.optim import build_average, build_lookahead, build_optimizer, copy_in_order, restore_moments
from core.engine.whitening import STEM_FITS
from core.spec import RunSpec
from core.spec.schedule import Plateau
from core.system.tensor_file import FORMAT

# The first number of a seed path: what is drawn.
WEIGHTS, ORDER, AUGMENTATION, DROPOUT, FLIPS = range(1, 6)

_COUNTS = ("epoch", "batch", "step", "images", "epoch_seconds", "stale_epochs", "lowest_val_loss", "best", "last")


def seed_of(*path: int) -> int:
    """A 64-bit seed for each path of numbers, unrelated to all others (numpy's SeedSequence)."""
    return int(np.random.SeedSequence(path).generate_state(1, np.uint64)[0])


def shuffle(count: int, seed: int, epoch: int) -> Tensor:
    """The order of the images in an epoch, (count,), the same on every device."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed_of(ORDER, seed, epoch)))


def alternate_flips(count: int, seed: int, epoch: int) -> Tensor:
    """Which images are mirrored in an epoch, (count,) bool: half of them in the first one, the others in the next.

    So two epochs show both sides of every image; coins would show some twice from one side (Jordan, arXiv:2404.00498).
    """
    first = torch.randint(2, (count,), generator=torch.Generator().manual_seed(seed_of(FLIPS, seed)))
    return (first + epoch) % 2 == 1


def seed_batch(generator: torch.Generator, seed: int, epoch: int, batch: int) -> torch.Generator:
    """Seeds `generator`, for the augmentation, and torch's own on its device, for dropout and stochastic depth."""
    device, dropout = generator.device, seed_of(DROPOUT, seed, epoch, batch)
    torch.default_generator.manual_seed(dropout)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(dropout)
    elif device.type == "mps":
        torch.mps.manual_seed(dropout)
    return generator.manual_seed(seed_of(AUGMENTATION, seed, epoch, batch))


class Stopwatch:
    """Seconds by a clock while it runs, counted on from `seconds`."""

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._before, self._start = clock, seconds, clock()

    @property
    def seconds(self) -> float:
        return self._before + self._clock() - self._start


class TrainState:
    """Weights, moments, averages and counts of one training on `device`."""

    def __init__(self, spec: RunSpec, data: Data, device: torch.device) -> None:
        self.spec, self.fingerprint, self.device = spec, data.fingerprint, device
        # Drawn on the CPU, so that a seed means the same weights on every device.
        torch.manual_seed(seed_of(WEIGHTS, spec.train.seed))
        model = build_model(spec.model, spec.data.num_classes, spec.data.image_size, spec.data.num_channels)
        STEM_FITS[spec.model.stem](model, data)
        self.model: nn.Module = model.to(device).to(memory_format=torch.channels_last)
        self.frozen = find_frozen(model, spec.train.frozen_layers)
        for module in self.frozen:
            module.requires_grad_(False)
        self.optimizer = build_optimizer(spec.train, self.model)
        self.lookahead = build_lookahead(spec.train, self.model)
        self.average = build_average(spec.train, self.model)
        self.plateau = Plateau(spec.train)
        self.norms = LayerNorms(self.model) if spec.train.layer_norms else None

        self.conditions: dict[str, Any] = {}  # how numbers are rounded, as a checkpoint notes it
        self.epoch = 0  # epochs done
        self.batch = 0  # batches done in the epoch under way
        self.step = 0  # updates done
        self.ahead = 0  # of a branch with other batches: by so many updates its schedule is further than its count
        self.images = 0  # images seen in the epoch under way
        # Sum of losses, and of right answers, in the epoch under way: on the device, read only now and then.
        self.totals = torch.zeros(2, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
        # The same sums over all epochs done, and their images.
        self.done: tuple[float, float, int] = (0.0, 0.0, 0)
        self.generator = torch.Generator(device)
        self.watch = Stopwatch()
        self.epoch_seconds = 0.0  # of training in the epoch under way, by the training's clock

        self.lowest_val_loss = float("inf")
        self.stale_epochs = 0  # epochs since then
        self.best: dict[str, Any] | None = None
        self.last: Metrics | None = None

    def begin_epoch(self) -> None:
        """Frozen layers work as in evaluation: nor does their normalisation follow the images."""
        self.model.train()
        for module in self.frozen:
            module.eval()

    @property
    def evaluated(self) -> nn.Module:
        """The network whose figures are shown and whose weights are exported: the average, if there is one."""
        return self.model if self.average is None else self.average.module

    def stops_early(self) -> bool:
        """Whether the training ends before its last epoch, for want of progress or at its goal."""
        patience = self.spec.train.early_stop_patience
        return 0 < patience <= self.stale_epochs or self.stops_at_goal()

    def stops_at_goal(self) -> bool:
        train = self.spec.train
        return train.stop_at_goal and self.last is not None and 0 < train.goal_accuracy <= self.last["val/accuracy"]

    def is_over(self) -> bool:
        return self.epoch >= self.spec.train.epochs or self.stops_early()

    def mean_loss(self) -> float:
        """Mean training loss of this epoch so far; waits for the device."""
        return self.totals[0].item() / max(1, self.images)

    def end_epoch(self, val: Scores | None, learning_rate: float) -> tuple[Metrics, bool]:
        """Takes in the validation's scores, if there are any; returns the epoch's metrics and whether it is the best.

        Best is that of all so far by validation, and none is without.
        """
        loss, correct = self.totals.tolist()
        losses, right, images = self.done
        self.done = (losses + loss, right + correct, images + self.images)
        self.epoch += 1
        metrics: Metrics = {
            "epoch": self.epoch,
            "step": self.step,
            "train/loss": loss / self.images,
            "train/accuracy": correct / self.images,
            **({"val/loss": val.loss, "val/accuracy": val.accuracy} if val else {}),
            "learning_rate": learning_rate,
            "images_per_second": self.images / max(self.epoch_seconds, 1e-9),
            "seconds": self.watch.seconds,
        }
        if self.norms:
            metrics |= self.norms.read()
        is_best = val is not None and self._keep_best(metrics)
        if val:
            self.plateau.observe(val.loss)
            self.stale_epochs = 0 if val.loss < self.lowest_val_loss else self.stale_epochs + 1
            self.lowest_val_loss = min(val.loss, self.lowest_val_loss)
        self.last, self.batch, self.images, self.epoch_seconds = metrics, 0, 0, 0.0
        self.totals.zero_()
        return metrics, is_best

    def _keep_best(self, metrics: Metrics) -> bool:
        """Highest validation accuracy; among equals the lower validation loss."""
        accuracy, loss = metrics["val/accuracy"], metrics["val/loss"]
        best = self.best
        if best is not None and (accuracy, -loss) <= (best["val/accuracy"], -best["val/loss"]):
            return False
        weights = to_cpu(self.evaluated.state_dict())
        self.best = {"epoch": self.epoch, "val/accuracy": accuracy, "val/loss": loss, "weights": weights}
        return True

    def to_checkpoint(self) -> dict[str, Any]:
        """A copy on the CPU that later training does not change."""
        average, lookahead = self.average, self.lookahead
        within_update = self.batch % self.spec.train.accumulation > 0
        return {
            "format": FORMAT,
            "spec": self.spec.model_dump_json(),
            "fingerprint": self.fingerprint,
            **self.conditions,
            "model": to_cpu(self.model.state_dict()),
            "optimizer": to_cpu(self.optimizer.state_dict()["state"]),
            "ema": None if average is None else to_cpu(average.state_dict()),
            "lookahead": None if lookahead is None else to_cpu(lookahead.state_dict()),
            "plateau": self.plateau.state_dict(),
            "totals": to_cpu(self.totals),
            "norms": None if self.norms is None else to_cpu(self.norms.found),
            # Of a stop between two batches of one update. Between updates there are none, or zeros in a graph.
            "gradients": [to_cpu(p.grad) if within_update else None for p in self.model.parameters()],
            "seconds": self.watch.seconds,
            "done": list(self.done),
            "ahead": self.ahead,
            **{name: getattr(self, name) for name in _COUNTS},
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Continues from `to_checkpoint()`'s result, which stays as it is.

        Raises CheckpointError if spec or images are not the same.
        """
        if saved["fingerprint"] != self.fingerprint:
            raise CheckpointError("The images, or how they are split, have changed since this checkpoint was written.")
        if RunSpec.model_validate_json(saved["spec"]) != self.spec:
            raise CheckpointError("This checkpoint was written by a run with another specification.")
        self.model.load_state_dict(saved["model"])
        restore_moments(self.optimizer, saved["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(saved["ema"])
        if self.lookahead is not None:
            self.lookahead.load_state_dict(saved["lookahead"])
        self.plateau.load_state_dict(saved["plateau"])
        self.totals.copy_(saved["totals"])
        if self.norms:
            self.norms.found.copy_(saved["norms"])
        for parameter, gradient in zip(self.model.parameters(), saved["gradients"], strict=True):
            parameter.grad = copy_in_order(gradient, parameter)
        self.watch = Stopwatch(saved["seconds"])
        for name in _COUNTS:
            setattr(self, name, saved[name])
        losses, right, images = saved.get("done", self.done)  # not in checkpoints of older versions
        self.done = (losses, right, images)
        self.ahead = saved.get("ahead", 0)
        if self.average is not None:
            self.average.n_averaged.fill_(self.step)  # was not counted in checkpoints of older versions


def to_cpu(value: Any) -> Any:
    """A copy of nested dicts and lists, its tensors on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: to_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_cpu(inner) for inner in value)
    return value
