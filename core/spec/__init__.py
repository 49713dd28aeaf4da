"""What a run is: one frozen `RunSpec`, and for every field its default, range, unit and help.

Widgets, command-line flags, search spaces and error messages all read the fields from here, so a range that changes
here changes everywhere. Words: N block layers, each with B blocks of C channels, filter size F, skip kernel K and a
stride; then pooling of size P.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from core.spec.base import Problem, Strict
from core.spec.choices import CHOICE_LABELS, Dataset, Precision, TestViews, choices_of
from core.spec.data import AugmentSpec, DataSpec
from core.spec.model import MAX_LAYERS, LayerSpec, ModelSpec, map_sizes, stem_width
from core.spec.parts import ATTENTION_COSTS, BLOCK_WEIGHTS, Activation, Attention, Block
from core.spec.train import TrainSpec, list_choosing

__all__ = [
    "CHOICE_LABELS",
    "MAX_LAYERS",
    "MAX_PARAMETERS",
    "SECTIONS",
    "Activation",
    "Attention",
    "AugmentSpec",
    "Block",
    "DataSpec",
    "Dataset",
    "LayerSpec",
    "ModelSpec",
    "Precision",
    "RunSpec",
    "Strict",
    "TestViews",
    "TrainSpec",
    "choices_of",
    "map_sizes",
    "stem_width",
]

MAX_PARAMETERS = 10**9


class RunSpec(Strict):
    """Everything that decides a run's result: stored as `spec.json`, frozen from then on."""

    version: Literal[1] = 1
    model: ModelSpec = Field(default_factory=ModelSpec)
    data: DataSpec = Field(default_factory=DataSpec)
    augment: AugmentSpec = Field(default_factory=AugmentSpec)
    train: TrainSpec = Field(default_factory=TrainSpec)

    @model_validator(mode="after")
    def check_shape(self) -> Self:
        """Refuses a network that cannot work, naming the layer and field, before anything is allocated."""
        sizes = map_sizes(self.model, self.data.image_size)
        for index, (layer, size) in enumerate(zip(self.model.layers, sizes, strict=False)):
            if layer.stride > size:
                path = f"model.layers[{index}].stride"
                raise Problem(path, layer.stride, f"the map here is only {size}x{size}; nothing would be left of it")
        if self.model.pool_size > sizes[-1]:
            message = f"is larger than the last map, {sizes[-1]}x{sizes[-1]}"
            raise Problem("model.pool_size", self.model.pool_size, message)
        if self.train.grow_images:
            self._check_growth()
        self._check_weights(sizes[-1])
        self._check_augment()
        if max(self.train.frozen_layers, default=0) > len(self.model.layers):
            message = f"the network has {len(self.model.layers)} block layers, counted from 1"
            raise Problem("train.frozen_layers", list(self.train.frozen_layers), message)
        if not self.data.may_validate:
            for path, value in list_choosing(self.train):
                raise Problem(path, value, "needs validation images, and data.val_fraction = 0 holds none out")
        if self.data.dataset == "folder" and not self.data.folder.strip():
            raise Problem("data.folder", self.data.folder, "name the folder that holds the images")
        if "\0" in self.data.folder:
            raise Problem("data.folder", self.data.folder, "must not hold a null character")
        return self

    def _check_growth(self) -> None:
        """Refuses a first side from which the network's strides would leave nothing."""
        first = self.train.first_side
        if first > self.data.image_size:
            message = f"must be at most the images' own side, {self.data.image_size} px"
            raise Problem("train.first_side", first, message)
        sizes = map_sizes(self.model, first)
        if any(layer.stride > size for layer, size in zip(self.model.layers, sizes, strict=False)):
            raise Problem("train.first_side", first, "is too small: the network's strides would leave nothing of it")

    def _check_weights(self, last_size: int) -> None:
        """Convolutions, attention and the linear layer; `core/spec/cost.py` counts the small rest as well."""
        given = self.data.num_channels
        before = stem_width(self.model, given)
        total = 0 if self.model.stem == "whitening" else given * before * self.model.stem_filter**2
        weigh, expansion = BLOCK_WEIGHTS[self.model.block], self.model.expansion
        for index, layer in enumerate(self.model.layers):
            size, channels = layer.filter_size, layer.channels
            if self.model.layer_start == "convolution":
                total += size**2 * before * channels + weigh(channels, channels, size, expansion)
            else:
                total += weigh(before, channels, size, expansion)
            total += (layer.blocks - 1) * weigh(channels, channels, size, expansion)
            if layer.stride > 1 or before != layer.channels:
                total += layer.skip_kernel**2 * before * layer.channels
            attention = ATTENTION_COSTS[self.model.attention](layer.channels, self.model.attention_reduction, 1)
            total += layer.blocks * attention.parameters
            before = layer.channels
            if total > MAX_PARAMETERS:
                path = f"model.layers[{index}].channels"
                raise Problem(path, layer.channels, f"makes {total:,} weights up to here; at most {MAX_PARAMETERS:,}")
        total += before * (last_size // self.model.pool_size) ** 2 * self.data.num_classes
        if total > MAX_PARAMETERS:
            message = f"leaves so large a linear layer that there are {total:,} weights; at most {MAX_PARAMETERS:,}"
            raise Problem("model.pool_size", self.model.pool_size, message)

    def _check_augment(self) -> None:
        size = self.data.image_size
        if self.augment.crop_padding >= size:
            message = f"must be smaller than the image, {size} px"
            raise Problem("augment.crop_padding", self.augment.crop_padding, message)
        if self.augment.cutout > size:
            raise Problem("augment.cutout", self.augment.cutout, f"must be at most the image's side, {size} px")


SECTIONS: dict[str, type[Strict]] = {"model": ModelSpec, "data": DataSpec, "augment": AugmentSpec, "train": TrainSpec}
