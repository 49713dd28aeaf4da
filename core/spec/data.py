"""The images' part of a spec: which, how large, how they are split, and how training images are augmented."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from core.spec.base import Strict, number, setting
from core.spec.choices import (
    COLOUR_CHANNELS,
    DATASET_CLASSES,
    WITH_TEST_IMAGES,
    Colour,
    Damaged,
    Dataset,
    Ground,
    Policy,
)
from core.spec.folder_parts import read_parts

_MARK = re.compile("[0-9a-f]{16}")


def _require_parts(text: str) -> str:
    try:
        read_parts(text)
    except ValueError as error:
        raise PydanticCustomError("parts", "{message}", {"message": str(error)}) from None
    return text


def _require_mark(text: str) -> str:
    if text and not _MARK.fullmatch(text):
        raise PydanticCustomError("mark", "must be the mark of a list: 16 of the digits and the letters a to f")
    return text


class DataSpec(Strict):
    """Which images, how large, and how they are split."""

    dataset: Dataset = setting("digits", "Data set", "Digits needs no download.", basic=True)
    folder: str = setting(
        "",
        "Folder",
        "A folder of images on this machine: one folder a class, directly or inside train/, val/ and test/. Grey of "
        "more than 8 bits is scaled by the file's depth, or where that leaves it open (16 or 32 bits, fractions) by "
        "the range of all images.",
        max_length=1000,
        basic=True,
        when={"dataset": ["folder"]},
    )
    folder_classes: int = number(
        10,
        (2, 10_000),
        "Classes",
        "Class folders in the image folder; counted when it is chosen.",
        when={"dataset": ["folder"]},
    )
    folder_parts: Annotated[str, AfterValidator(_require_parts)] = setting(
        "",
        "Parts",
        "Which folders are parts, where names do not tell: train=A, val=B, test=C; skip=D for one that is not used; or "
        "classes, if every folder is one. Empty: train/, val/ and test/ in the usual spellings.",
        max_length=1000,
        when={"dataset": ["folder"]},
    )
    image_size: int = number(32, (8, 256), "Image size", "Images are resized to this side.", unit="px")
    colour: Colour = setting(
        "rgb",
        "Colour",
        "RGB: three channels; grey images have three equal ones. Grey: one channel; colours become their brightness "
        "(ITU-R BT.601).",
    )
    ground: Ground = setting(
        "white", "Ground", "The colour below transparent parts of images.", when={"dataset": ["folder"]}
    )
    damaged: Damaged = setting(
        "refuse",
        "Damaged images",
        "Images that cannot be decoded refuse the start, or are left out and kept in the run's record.",
        when={"dataset": ["folder"]},
    )
    without: Annotated[str, AfterValidator(_require_mark)] = setting(
        "",
        "Without",
        "Leaves out the images that were noted as wrongly labelled: the mark that the Data page gives such a list, 16 "
        "letters and digits. Empty: all images are used.",
        max_length=16,
    )
    val_fraction: float = number(
        0.1,
        (0, 0.5),
        "Validation share",
        "Share of the training images held out for every choice, where the data set has no validation images of its "
        "own. 0 holds none out, and then nothing is chosen: no best epoch, no early stop, no study.",
        zero="none",
        basic=True,
    )
    test_fraction: float = number(
        0.15,
        (0.01, 0.5),
        "Test share",
        "Share of all images kept for the test, where the data set has no test images of its own.",
        when={"dataset": [str(name) for name in DATASET_CLASSES if name not in WITH_TEST_IMAGES]},
    )
    split_seed: int = number(
        0, (0, 2**31 - 1), "Split seed", "Fixes which images are held out; keep it to compare runs."
    )
    max_train_images: int = number(
        0,
        (0, 10_000_000),
        "Training images at most",
        "A quick look at a part of the data; 0 takes all.",
        unit="images",
        zero="all",
    )
    cap_held_out: bool = setting(
        False,
        "Fewer held out, too",
        "Where the training images are limited, the same share of the validation and test images: quicker, and coarser "
        "figures.",
    )

    @property
    def num_classes(self) -> int:
        return DATASET_CLASSES[self.dataset] or self.folder_classes

    @property
    def num_channels(self) -> int:
        """Of an image, as the network sees it."""
        return COLOUR_CHANNELS[self.colour]

    @property
    def has_path(self) -> bool:
        """Whether the images lie at the path `folder`, which a person chose."""
        return DATASET_CLASSES[self.dataset] is None

    @property
    def may_validate(self) -> bool:
        """Whether there can be validation images: held out, or brought by an image folder."""
        return self.val_fraction > 0 or self.dataset == "folder"

    @property
    def is_test_capped(self) -> bool:
        """Whether a limit of the training images holds for validation and test images too."""
        return self.cap_held_out and self.max_train_images > 0


class AugmentSpec(Strict):
    """What happens to training images, drawn again for every image in every epoch."""

    crop_padding: int = number(
        4,
        (0, 64),
        "Crop padding",
        "Pads, then crops at a random position; 0 is off.",
        unit="px",
        zero="off",
        basic=True,
    )
    crop_mode: Literal["zeros", "reflect"] = setting(
        "zeros", "Crop fills with", "How the padding is filled: black, or with the mirrored image."
    )
    flip: bool = setting(True, "Flip", "Mirrors half of the images left to right. Not for digits.", basic=True)
    flip_order: Literal["random", "alternating"] = setting(
        "random",
        "Flip order",
        "Alternating: each image is mirrored in every other epoch, instead of by a coin (Jordan 2024).",
        when={"flip": [True]},
    )
    cutout: int = number(
        0, (0, 256), "Cutout", "Side of a square painted grey (DeVries & Taylor 2017); 0 is off.", unit="px", zero="off"
    )
    mixup: float = number(
        0.0, (0, 10), "MixUp", "Alpha of the blend of two images (Zhang et al. 2017); 0 is off.", zero="off"
    )
    cutmix: float = number(
        0.0,
        (0, 10),
        "CutMix",
        "Alpha of the patch from another image (Yun et al. 2019); 0 is off. With MixUp: one of them.",
        zero="off",
    )
    policy: Policy = setting(
        "none",
        "Policy",
        "RandAugment (Cubuk et al. 2019) or TrivialAugment (Müller & Hutter 2021): colours and shapes.",
    )
    randaugment_ops: int = number(
        2, (1, 8), "RandAugment operations", "Changes made to each image.", when={"policy": ["randaugment"]}
    )
    randaugment_magnitude: int = number(
        9, (0, 30), "RandAugment magnitude", "Strength of each change, 0 to 30.", when={"policy": ["randaugment"]}
    )
