"""The images' part of a spec: which, how large, how they are split, and how training images are changed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.spec.base import Strict, about
from core.spec.choices import DATASET_CLASSES, WITH_TEST_IMAGES, Dataset, Policy

CIFAR_SIZE = 32


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
            when={"dataset": [str(name) for name in DATASET_CLASSES if name not in WITH_TEST_IMAGES]},
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
        return DATASET_CLASSES[self.dataset] or self.folder_classes


class AugmentSpec(Strict):
    """What happens to training images, drawn again for every image in every epoch."""

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
