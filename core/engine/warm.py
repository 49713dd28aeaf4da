"""Everything that a training loads and sets up once, done ahead of it."""

from __future__ import annotations

import torch

from core.engine.estimate import invent_data
from core.engine.light import skip_compiler_import
from core.engine.train import TrainingRun, keep_settings
from core.spec import AugmentSpec, DataSpec, LayerSpec, ModelSpec, RunSpec, TrainSpec


def warm_up() -> None:
    """Trains a tiny network for a step on the CPU: torch imports as much again when an optimizer is first made."""
    spec = RunSpec(
        model=ModelSpec(stem_channels=4, layers=(LayerSpec(channels=4, blocks=1, stride=2),), pool_size=2),
        data=DataSpec(image_size=8),
        augment=AugmentSpec(crop_padding=1),
        train=TrainSpec(batch_size=4, epochs=1),
    )
    skip_compiler_import()
    device = torch.device("cpu")
    with keep_settings(device):
        run = TrainingRun(spec, invent_data(spec, 4, device), device, lambda: False)
        for _ in run.train_epoch():
            pass
