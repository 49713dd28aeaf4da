"""What a run is: one frozen `RunSpec`, and for every field its default, range, unit and help.

Widgets, command-line flags, search spaces and error messages all read the fields from here, so a range that changes
here changes everywhere. Words: N block layers, each with B blocks of C channels, filter size F, skip kernel K and a
stride; then pooling of size P.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

MAX_PARAMETERS = 10**9
MAX_LAYERS = 12
CIFAR_SIZE = 32

Attention = Literal["none", "se", "eca", "cbam"]
Block = Literal["basic", "preactivation"]
Activation = Literal["relu", "silu", "gelu", "leaky_relu", "mish"]
PoolKind = Literal["average", "max", "gem"]
Dataset = Literal["digits", "cifar10", "cifar100", "folder"]
Policy = Literal["none", "randaugment", "trivialaugment"]
Optimizer = Literal["sgd", "adam", "adamw", "muon"]
Schedule = Literal["cosine", "onecycle", "step", "plateau", "linear", "constant"]
TestViews = Literal["none", "mirror", "mirror_shift"]
Precision = Literal["auto", "float32", "bfloat16"]

# What a person reads for each choice; the key is what is stored.
CHOICE_LABELS = {
    "none": "None",
    "se": "Squeeze-and-excitation",
    "eca": "Efficient channel attention",
    "cbam": "CBAM",
    "basic": "Basic",
    "preactivation": "Pre-activation",
    "relu": "ReLU",
    "silu": "SiLU",
    "gelu": "GELU",
    "leaky_relu": "Leaky ReLU",
    "mish": "Mish",
    "average": "Average",
    "max": "Max",
    "gem": "Generalised mean",
    "digits": "Digits (built in)",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "folder": "Image folder",
    "randaugment": "RandAugment",
    "trivialaugment": "TrivialAugment",
    "zeros": "Zeros",
    "reflect": "Reflect",
    "sgd": "SGD with momentum",
    "adam": "Adam",
    "adamw": "AdamW",
    "muon": "Muon",
    "random": "At random",
    "alternating": "Alternating",
    "cosine": "Cosine",
    "onecycle": "One cycle",
    "step": "Step decay",
    "plateau": "On plateau",
    "linear": "Linear",
    "constant": "Constant",
    "mirror": "Mirror",
    "mirror_shift": "Mirror and shift",
    "auto": "Auto",
    "float32": "float32",
    "bfloat16": "bfloat16",
}


class Problem(PydanticCustomError):
    """A rule between fields that is broken, told at the field that a person would change."""

    def __new__(cls, path: str, value: object, message: str) -> Self:
        return super().__new__(cls, "problem", "{message}", {"path": path, "value": value, "message": message})


def require_odd(value: object) -> object:
    """Filter sizes are odd, so that a padding of half their size keeps the map's size."""
    if type(value) is int and value % 2 == 0:
        raise PydanticCustomError("odd", "must be odd, so that padding keeps the size")
    return value


def about(
    label: str,
    text: str,
    *,
    unit: str = "",
    symbol: str = "",
    basic: bool = False,
    log: bool = False,
    when: Mapping[str, list[str] | list[bool]] | None = None,
) -> dict[str, Any]:
    """What a form shows of a field, as keyword arguments of pydantic's `Field`.

    `basic` fields are in sight, the others folded; `log` ranges want a logarithmic scale; `when` names the choices of
    sibling fields under which this one has an effect.
    """
    extra = {"unit": unit, "symbol": symbol, "basic": basic, "log": log, "when": when or {}}
    return {"title": label, "description": text, "json_schema_extra": extra}


class Strict(BaseModel):
    """Frozen; unknown keys, numbers as text, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


class LayerSpec(Strict):
    """One block layer: B residual blocks of C channels; the first block carries the stride."""

    blocks: int = Field(2, ge=1, le=64, **about("Blocks", "Residual blocks in this layer.", symbol="B", basic=True))
    channels: int = Field(
        64, ge=1, le=4096, **about("Channels", "Channels of every block in this layer.", symbol="C", basic=True)
    )
    filter_size: Annotated[int, BeforeValidator(require_odd)] = Field(
        3,
        ge=1,
        le=15,
        **about("Filter", "Side of the square filters in the blocks; odd.", unit="px", symbol="F", basic=True),
    )
    skip_kernel: Annotated[int, BeforeValidator(require_odd)] = Field(
        1,
        ge=1,
        le=15,
        **about(
            "Skip kernel",
            "Side of the filter on the skip connection, where stride or channels change; odd.",
            unit="px",
            symbol="K",
            basic=True,
        ),
    )
    stride: int = Field(
        2,
        ge=1,
        le=4,
        **about(
            "Stride", "Step of the layer's first block: 2 halves the map. 1 for the first layer, 2 after.", unit="px"
        ),
    )


class ModelSpec(Strict):
    """The network: a stem, N block layers, pooling, dropout and one linear layer."""

    stem_channels: int = Field(
        64, ge=1, le=4096, **about("Stem channels", "Channels of the first convolution.", basic=True)
    )
    stem_filter: Annotated[int, BeforeValidator(require_odd)] = Field(
        3, ge=1, le=15, **about("Stem filter", "Side of the first convolution's filters; odd.", unit="px")
    )
    layers: Annotated[tuple[LayerSpec, ...], Field(strict=False)] = Field(
        (
            LayerSpec(channels=32, stride=1),
            LayerSpec(channels=64),
            LayerSpec(channels=128),
        ),
        min_length=1,
        max_length=MAX_LAYERS,
        **about("Block layers", "One row a layer, from the image to the classifier.", symbol="N", basic=True),
    )
    block: Block = Field(
        "basic",
        **about("Block", "Basic: activation after the sum (He et al. 2015). Pre-activation: before each convolution."),
    )
    activation: Activation = Field("relu", **about("Activation", "The non-linearity after each normalisation."))
    attention: Attention = Field(
        "none", **about("Attention", "Reweights the channels (CBAM: also the places) of each block.", basic=True)
    )
    attention_reduction: int = Field(
        16,
        ge=1,
        le=256,
        **about(
            "Attention reduction",
            "Squeeze-and-excitation and CBAM narrow the channels by this factor in between.",
            when={"attention": ["se", "cbam"]},
        ),
    )
    pool_kind: PoolKind = Field("average", **about("Pooling", "How the last map is reduced before the classifier."))
    pool_size: int = Field(
        4,
        ge=1,
        le=256,
        **about("Pool size", "Side of the pooling window, and its stride.", unit="px", symbol="P", basic=True),
    )
    dropout: float = Field(
        0.0, ge=0, le=0.95, **about("Dropout", "Share of features dropped before the linear layer.", basic=True)
    )
    stochastic_depth: float = Field(
        0.0,
        ge=0,
        le=0.95,
        **about(
            "Stochastic depth",
            "Chance to skip the last block in training; earlier blocks less, linearly (Huang et al. 2016).",
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def fill_strides(cls, data: Any) -> Any:
        """A layer that names no stride gets 1 if it is the first, 2 otherwise."""
        if not isinstance(data, dict) or not isinstance(data.get("layers"), list | tuple):
            return data
        if len(data["layers"]) > MAX_LAYERS:
            # Before each of perhaps thousands of entries is looked at and complained of.
            raise Problem("model.layers", data["layers"], f"must have at most {MAX_LAYERS} entries")
        layers = [
            {"stride": 1 if place == 0 else 2, **layer} if isinstance(layer, dict) else layer
            for place, layer in enumerate(data["layers"])
        ]
        return {**data, "layers": layers}


class DataSpec(Strict):
    """Which images, how large, and how they are split."""

    dataset: Dataset = Field("digits", **about("Data set", "Digits needs no download.", basic=True))
    folder: str = Field(
        "",
        max_length=1000,
        **about(
            "Folder",
            "A folder of images on this machine: one folder a class, directly or inside train/ and test/.",
            basic=True,
            when={"dataset": ["folder"]},
        ),
    )
    folder_classes: int = Field(
        10,
        ge=2,
        le=10_000,
        **about(
            "Classes", "Class folders in the image folder; counted when it is chosen.", when={"dataset": ["folder"]}
        ),
    )
    image_size: int = Field(
        CIFAR_SIZE, ge=8, le=256, **about("Image size", "Images are resized to this side.", unit="px")
    )
    val_fraction: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        **about("Validation share", "Share of the training images held out for every choice.", basic=True),
    )
    test_fraction: float = Field(
        0.15,
        ge=0.01,
        le=0.5,
        **about(
            "Test share",
            "Share of all images kept for the test, where the data set has no test images of its own.",
            when={"dataset": ["digits", "folder"]},
        ),
    )
    split_seed: int = Field(
        0, ge=0, le=2**31 - 1, **about("Split seed", "Fixes which images are held out; keep it to compare runs.")
    )
    max_train_images: int = Field(
        0,
        ge=0,
        le=10_000_000,
        **about("Training images at most", "A quick look at a part of the data; 0 takes all.", unit="images"),
    )

    @property
    def num_classes(self) -> int:
        return {"digits": 10, "cifar10": 10, "cifar100": 100}.get(self.dataset, self.folder_classes)


class AugmentSpec(Strict):
    """What happens to training images, drawn anew for every image in every epoch."""

    crop_padding: int = Field(
        4, ge=0, le=64, **about("Crop padding", "Pads, then crops at a random place; 0 is off.", unit="px", basic=True)
    )
    crop_mode: Literal["zeros", "reflect"] = Field(
        "zeros", **about("Crop fills with", "What stands in the padding: black, or the image mirrored.")
    )
    flip: bool = Field(True, **about("Flip", "Mirrors half of the images left to right. Not for digits.", basic=True))
    flip_order: Literal["random", "alternating"] = Field(
        "random",
        **about(
            "Flip order",
            "Alternating: each image is mirrored in every other epoch, instead of by a coin (Jordan 2024).",
            when={"flip": [True]},
        ),
    )
    cutout: int = Field(
        0,
        ge=0,
        le=256,
        **about("Cutout", "Side of a square painted grey (DeVries & Taylor 2017); 0 is off.", unit="px"),
    )
    mixup: float = Field(
        0.0, ge=0, le=10, **about("MixUp", "Alpha of the blend of two images (Zhang et al. 2017); 0 is off.")
    )
    cutmix: float = Field(
        0.0,
        ge=0,
        le=10,
        **about(
            "CutMix", "Alpha of the patch from another image (Yun et al. 2019); 0 is off. With MixUp: one of them."
        ),
    )
    policy: Policy = Field(
        "none",
        **about(
            "Policy", "RandAugment (Cubuk et al. 2019) or TrivialAugment (Müller & Hutter 2021): colours and shapes."
        ),
    )
    randaugment_ops: int = Field(
        2,
        ge=1,
        le=8,
        **about("RandAugment operations", "Changes made to each image.", when={"policy": ["randaugment"]}),
    )
    randaugment_magnitude: int = Field(
        9,
        ge=0,
        le=30,
        **about("RandAugment magnitude", "Strength of each change, 0 to 30.", when={"policy": ["randaugment"]}),
    )


class TrainSpec(Strict):
    """How the network is trained."""

    epochs: int = Field(10, ge=1, le=10_000, **about("Epochs", "Passes over the training images.", basic=True))
    batch_size: int = Field(
        128, ge=1, le=16_384, **about("Batch size", "Images in one step.", unit="images", basic=True, log=True)
    )
    accumulation: int = Field(
        1,
        ge=1,
        le=256,
        **about("Gradient accumulation", "Batches whose gradients are averaged before one update.", unit="batches"),
    )
    optimizer: Optimizer = Field("adam", **about("Optimizer", "How gradients become updates.", basic=True))
    learning_rate: float = Field(
        1e-3, ge=1e-8, le=100, **about("Learning rate", "The highest rate of the schedule.", basic=True, log=True)
    )
    momentum: float = Field(
        0.9,
        ge=0,
        le=0.9999,
        **about("Momentum", "Share of the former update kept.", when={"optimizer": ["sgd", "muon"]}),
    )
    nesterov: bool = Field(
        True, **about("Nesterov", "Looks ahead along the momentum.", when={"optimizer": ["sgd", "muon"]})
    )
    weight_decay: float = Field(
        5e-4, ge=0, le=1, **about("Weight decay", "Pulls weights towards zero.", basic=True, log=True)
    )
    decay_norms_biases: bool = Field(False, **about("Decay norms and biases", "Off spares them, as most recipes do."))
    schedule: Schedule = Field(
        "cosine", **about("Schedule", "How the learning rate changes over the training.", basic=True)
    )
    warmup_epochs: float = Field(
        0.0,
        ge=0,
        le=1000,
        **about(
            "Warm-up",
            "The rate rises linearly from near zero; for one cycle, the length of the rise (0: 30 % of the training).",
            unit="epochs",
        ),
    )
    period_epochs: float = Field(
        0.0,
        ge=0,
        le=10_000,
        **about(
            "Cosine period",
            "Epochs from the highest rate to the lowest, after which it starts again at the top; 0: the training.",
            unit="epochs",
            when={"schedule": ["cosine"]},
        ),
    )
    final_rate: float = Field(
        0.0,
        ge=0,
        le=1,
        **about(
            "Lowest rate",
            "Where the schedule ends, as a share of the highest rate.",
            when={"schedule": ["cosine", "linear", "onecycle", "plateau"]},
        ),
    )
    decay_factor: float = Field(
        0.1,
        ge=1e-4,
        le=1,
        **about("Decay factor", "The rate is multiplied by this.", when={"schedule": ["step", "plateau"]}),
    )
    milestones: Annotated[tuple[Annotated[int, Field(ge=1, le=10_000)], ...], Field(strict=False)] = Field(
        (),
        fail_fast=True,  # thirty thousand bad entries would make thirty thousand sentences
        max_length=50,
        **about(
            "Milestones",
            "Epochs after which the rate decays; empty: at half and at three quarters.",
            unit="epochs",
            when={"schedule": ["step"]},
        ),
    )
    plateau_patience: int = Field(
        5,
        ge=1,
        le=1000,
        **about(
            "Plateau patience",
            "Epochs without a lower validation loss before the rate decays.",
            unit="epochs",
            when={"schedule": ["plateau"]},
        ),
    )
    label_smoothing: float = Field(
        0.0, ge=0, le=0.9, **about("Label smoothing", "Share of the target spread over all classes.")
    )
    clip_norm: float = Field(
        0.0, ge=0, le=1000, **about("Gradient clipping", "Longest gradient allowed (its 2-norm); 0 is off.")
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        le=0.99999,
        **about("Weight averaging", "Decay of a running mean of the weights, which is then evaluated; 0 is off."),
    )
    lookahead_steps: int = Field(
        0,
        ge=0,
        le=1000,
        **about(
            "Lookahead",
            "After every so many updates the weights go half way back (Zhang et al. 2019); 0 is off.",
            unit="updates",
        ),
    )
    early_stop_patience: int = Field(
        0,
        ge=0,
        le=1000,
        **about("Early stopping", "Epochs without a lower validation loss before the end; 0 is off.", unit="epochs"),
    )
    test_views: TestViews = Field(
        "none",
        **about(
            "Test-time augmentation",
            "Test images are also judged by mirrored (and shifted) copies together; told beside the plain accuracy.",
        ),
    )
    precision: Precision = Field("auto", **about("Precision", "Auto takes bfloat16 where the device computes in it."))
    seed: int = Field(
        0, ge=0, le=2**31 - 1, **about("Seed", "Fixes weights, order of images and augmentation.", basic=True)
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:(0|[1-9][0-9]?))?)$",
        **about("Device", "auto, cpu, mps, cuda or cuda:N. Auto takes the first free GPU, else the CPU."),
    )

    @model_validator(mode="after")
    def check_together(self) -> Self:
        if self.warmup_epochs >= self.epochs and self.warmup_epochs > 0:
            raise Problem(
                "train.warmup_epochs", self.warmup_epochs, f"must be shorter than the training of {self.epochs} epochs"
            )
        if list(self.milestones) != sorted(set(self.milestones)):
            raise Problem("train.milestones", list(self.milestones), "must rise from one to the next")
        if self.optimizer == "sgd" and self.nesterov and self.momentum == 0:
            raise Problem("train.momentum", 0, "must be above 0 with Nesterov; or switch Nesterov off")
        return self


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
        for place, (layer, size) in enumerate(zip(self.model.layers, sizes, strict=False)):
            if layer.stride > size:
                path = f"model.layers[{place}].stride"
                raise Problem(path, layer.stride, f"the map here is only {size}x{size}; nothing would be left of it")
        if self.model.pool_size > sizes[-1]:
            message = f"is larger than the last map, {sizes[-1]}x{sizes[-1]}"
            raise Problem("model.pool_size", self.model.pool_size, message)
        self._check_weights(sizes[-1])
        self._check_augment()
        if self.data.dataset == "folder" and not self.data.folder.strip():
            raise Problem("data.folder", self.data.folder, "name the folder that holds the images")
        if "\0" in self.data.folder:
            raise Problem("data.folder", self.data.folder, "must not hold a null character")
        return self

    def _check_weights(self, last_size: int) -> None:
        """Convolutions, attention and the linear layer; `core/cost.py` counts the small rest as well."""
        total, before = 3 * self.model.stem_channels * self.model.stem_filter**2, self.model.stem_channels
        for place, layer in enumerate(self.model.layers):
            total += layer.filter_size**2 * layer.channels * (before + (2 * layer.blocks - 1) * layer.channels)
            if layer.stride > 1 or before != layer.channels:
                total += layer.skip_kernel**2 * before * layer.channels
            if self.model.attention in ("se", "cbam"):
                total += layer.blocks * 2 * layer.channels * max(1, layer.channels // self.model.attention_reduction)
            before = layer.channels
            if total > MAX_PARAMETERS:
                path = f"model.layers[{place}].channels"
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


def map_sizes(model: ModelSpec, image_size: int) -> list[int]:
    """Side of the map, in pixels: before the first block layer, then after each one."""
    sizes = [image_size]
    for layer in model.layers:
        # Padding of half an odd filter keeps the size, so only the stride counts.
        sizes.append((sizes[-1] - 1) // layer.stride + 1)
    return sizes


SECTIONS: dict[str, type[Strict]] = {"model": ModelSpec, "data": DataSpec, "augment": AugmentSpec, "train": TrainSpec}


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The values of a `Literal` annotation, or nothing."""
    return tuple(value for value in get_args(annotation) if isinstance(value, str))
