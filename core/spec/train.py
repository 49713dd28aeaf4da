"""The training's part of a spec: optimizer, schedule, regularisation, and what it runs on."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from core.spec.base import Problem, Strict, number, require_rising, setting
from core.spec.choices import (
    WITH_DECAY_FACTOR,
    WITH_FINAL_RATE,
    WITH_MOMENTUM,
    Compile,
    Optimizer,
    Precision,
    Schedule,
    TestViews,
)
from core.spec.model import MAX_LAYERS

MAX_EPOCHS = 10_000
_LOOKS_AHEAD = range(1, 1001)
SEED = "train.seed"
# What a run notes more or less of itself, with the same weights and figures.
WITHOUT_EFFECT = frozenset({"train.layer_norms", "train.keep_every", "train.keep_before_drops"})
# Two runs that differ only here are the same recipe, and the same point of a study's space.
FREE_FIELDS = frozenset({SEED, "train.device"}) | WITHOUT_EFFECT


class TrainSpec(Strict):
    """How the network is trained."""

    epochs: int = number(10, (1, MAX_EPOCHS), "Epochs", "Passes over the training images.", basic=True)
    last_epoch: float = number(
        1.0,
        (0.01, 1),
        "Last epoch",
        "Share of the training images that the last epoch sees, in whole updates: 4 epochs with 0.5 are 3.5.",
    )
    batch_size: int = number(128, (1, 16_384), "Batch size", "Images in one step.", unit="images", basic=True, log=True)
    accumulation: int = number(
        1, (1, 256), "Gradient accumulation", "Batches whose gradients are averaged before one update.", unit="batches"
    )
    optimizer: Optimizer = setting("adam", "Optimizer", "How gradients become updates.", basic=True)
    learning_rate: float = number(
        1e-3, (1e-8, 100), "Learning rate", "The highest rate of the schedule.", basic=True, log=True
    )
    momentum: float = number(
        0.9, (0, 0.9999), "Momentum", "Share of the former update kept.", when={"optimizer": WITH_MOMENTUM}
    )
    nesterov: bool = setting(True, "Nesterov", "Looks ahead along the momentum.", when={"optimizer": WITH_MOMENTUM})
    muon_iterations: int = number(
        5,
        (1, 20),
        "Muon iterations",
        "Newton-Schulz iterations that make an update of filters orthogonal.",
        when={"optimizer": ["muon"]},
    )
    muon_normalized: bool = setting(
        False,
        "Normalised filters",
        "Muon keeps the norm of each convolution's weights, and an update is orthogonal times the rate; without weight "
        "decay (Jordan 2024). Off: updates of the size of AdamW's.",
        when={"optimizer": ["muon"]},
    )
    bias_rate: float = number(
        1.0, (1e-4, 1000), "Rate of biases", "That of biases and norms, as a multiple of the learning rate.", log=True
    )
    head_rate: float = number(
        1.0, (1e-4, 1000), "Rate of the head", "That of the linear layer, as a multiple of the learning rate.", log=True
    )
    weight_decay: float = number(5e-4, (0, 1), "Weight decay", "Pulls weights towards zero.", basic=True, log=True)
    decay_norms_biases: bool = setting(False, "Decay norms and biases", "Off spares them, as most recipes do.")
    schedule: Schedule = setting("cosine", "Schedule", "How the learning rate changes over the training.", basic=True)
    warmup_epochs: float = number(
        0.0,
        (0, 1000),
        "Warm-up",
        "The rate rises linearly from near zero; for one cycle, the length of the rise (0: 30 % of the training).",
        unit="epochs",
    )
    period_epochs: float = number(
        0.0,
        (0, 10_000),
        "Cosine period",
        "Epochs from the highest rate to the lowest, after which it starts again at the top; 0: the training.",
        unit="epochs",
        when={"schedule": ["cosine"]},
    )
    final_rate: float = number(
        0.0,
        (0, 1),
        "Lowest rate",
        "Where the schedule ends, as a share of the highest rate.",
        when={"schedule": WITH_FINAL_RATE},
    )
    decay_factor: float = number(
        0.1, (1e-4, 1), "Decay factor", "The rate is multiplied by this.", when={"schedule": WITH_DECAY_FACTOR}
    )
    milestones: Annotated[
        tuple[Annotated[int, Field(ge=1, le=10_000)], ...], Field(strict=False), AfterValidator(require_rising)
    ] = setting(
        (),
        "Milestones",
        "Epochs after which the rate decays; empty: at half and at three quarters.",
        fail_fast=True,
        max_length=50,
        unit="epochs",
        when={"schedule": ["step"]},
    )
    plateau_patience: int = number(
        5,
        (1, 1000),
        "Plateau patience",
        "Epochs without a lower validation loss before the rate decays.",
        unit="epochs",
        when={"schedule": ["plateau"]},
    )
    grow_images: bool = setting(
        False,
        "Growing images",
        "Training begins with smaller images, which cost less; validation and test are always at full size.",
    )
    first_side: int = number(
        16, (4, 256), "First side", "Of the images at the start.", unit="px", when={"grow_images": [True]}
    )
    growth_steps: int = number(
        2,
        (1, 16),
        "Sides before the full one",
        "From the first side on in equal steps, each for an equal part of the time.",
        when={"grow_images": [True]},
    )
    grown_after: float = number(
        0.65,
        (0.01, 0.95),
        "Full side after",
        "Share of the updates after which images have their full size.",
        when={"grow_images": [True]},
    )
    label_smoothing: float = number(0.0, (0, 0.9), "Label smoothing", "Share of the target spread over all classes.")
    clip_norm: float = number(
        0.0, (0, 1000), "Gradient clipping", "Longest gradient allowed (its 2-norm); 0 is off.", zero="off"
    )
    ema_decay: float = number(
        0.0,
        (0, 0.99999),
        "Weight averaging",
        "Decay of a running mean of the weights, which is then evaluated; it begins lower and rises to this. 0 is off.",
        zero="off",
    )
    lookahead_steps: int = number(
        0,
        (0, _LOOKS_AHEAD[-1]),
        "Lookahead",
        "After every so many updates the weights move back to where they last did so (Zhang et al. 2019); 0 is off.",
        unit="updates",
        zero="off",
    )
    lookahead_share: float = number(
        0.5, (0, 1), "Lookahead share", "How much of that way they move back.", when={"lookahead_steps": _LOOKS_AHEAD}
    )
    lookahead_rises: bool = setting(
        False,
        "Lookahead rises",
        "From 0 to this share, by the cube of the updates done, and all the way back at the end of each epoch "
        "(Jordan 2024: to 0.774 in airbench94).",
        when={"lookahead_steps": _LOOKS_AHEAD},
    )
    early_stop_patience: int = number(
        0,
        (0, 1000),
        "Early stopping",
        "Epochs without a lower validation loss before the end; 0 is off.",
        unit="epochs",
        zero="off",
    )
    goal_accuracy: float = number(
        0.0,
        (0, 1),
        "Accuracy to reach",
        "On validation, 0 to 1; the command line tells at the end how long it took. 0 is off.",
        zero="off",
    )
    stop_at_goal: bool = setting(
        False, "Stop when reached", "Ends the training with the first epoch that reaches this accuracy."
    )
    test_views: TestViews = setting(
        "none",
        "Test-time augmentation",
        "Test images are also judged by mirrored (and shifted) copies together; shown beside the plain accuracy.",
    )
    frozen_layers: Annotated[
        tuple[Annotated[int, Field(ge=0, le=MAX_LAYERS)], ...], Field(strict=False), AfterValidator(require_rising)
    ] = setting(
        (),
        "Frozen layers",
        "Parts that stay as they are, weights and normalisation: 0 is the stem, 1 the first block layer. Empty: none.",
        fail_fast=True,
        max_length=MAX_LAYERS + 1,
    )
    precision: Precision = setting("auto", "Precision", "Auto takes bfloat16 where the device computes in it.")
    compile: Compile = setting(
        "off",
        "torch.compile",
        "Fuses the network's operations, which takes up to a minute at the start. Auto: on a GPU, for trainings "
        "that see 4 million images or more.",
    )
    layer_norms: bool = setting(
        False,
        "Layer norms",
        "Notes once an epoch the norms of each layer's weights, gradient and update, for dead or exploding layers to "
        "be seen. Changes no result.",
    )
    keep_every: int = number(
        0,
        (0, MAX_EPOCHS),
        "Keep every",
        "The checkpoint of every such epoch stays, to branch off from, besides the last two and the best; 0 is off.",
        unit="epochs",
        zero="off",
    )
    keep_before_drops: bool = setting(
        False,
        "Keep before drops",
        "The checkpoints of epochs after which the learning rate drops stay as well.",
        when={"schedule": WITH_DECAY_FACTOR},
    )
    seed: int = number(0, (0, 2**31 - 1), "Seed", "Fixes weights, order of images and augmentation.", basic=True)
    device: str = setting(
        "auto",
        "Device",
        "auto, cpu, mps, cuda or cuda:N. Auto takes the first free GPU, else the CPU.",
        pattern=r"^(auto|cpu|mps|cuda(:(0|[1-9][0-9]?))?)$",
    )

    @property
    def passes(self) -> float:
        """Epochs, the last one by its share: 3.5."""
        return self.epochs - 1 + self.last_epoch

    @model_validator(mode="after")
    def check_together(self) -> Self:
        if self.warmup_epochs >= self.passes and self.warmup_epochs > 0:
            message = f"must be shorter than the training of {self.passes:g} epochs"
            raise Problem("train.warmup_epochs", self.warmup_epochs, message)
        if self.optimizer == "sgd" and self.nesterov and self.momentum == 0:
            raise Problem("train.momentum", 0, "must be above 0 with Nesterov; or switch Nesterov off")
        return self


def list_choosing(train: TrainSpec) -> list[tuple[str, object]]:
    """The fields, with their values, that have validation images decide something within a training."""
    decides = {
        "early_stop_patience": train.early_stop_patience > 0,
        "goal_accuracy": train.goal_accuracy > 0,
        "schedule": train.schedule == "plateau",
    }
    return [(f"train.{name}", getattr(train, name)) for name, is_so in decides.items() if is_so]
