"""What the parts of the page share: the set, its survey, where each image stands, and what was noted."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.data.notes import Note
from core.data.survey import NOTED, PARTS, UNUSED, Survey
from core.spec import DataSpec
from core.system.names import readable
from core.text.safe import plain
from pages.parts.frame.assets import image_address
from pages.parts.frame.gallery import Tile

PART_TITLES = {"train": "Training", "val": "Validation", "test": "Test"}
_WORDS = {**dict(enumerate(("training", "validation", "test"))), UNUSED: "not used", NOTED: "left out"}


@dataclass(frozen=True)
class View:
    """A set as it is looked at. `parts` (n,) as `core.data.survey.divide` gives them."""

    spec: DataSpec
    survey: Survey
    parts: npt.NDArray[np.int8]
    notes: dict[str, Note]

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """For each image its index within its part."""
        found = np.zeros(len(self.parts), np.int64)
        for part in range(len(PARTS)):
            members = np.flatnonzero(self.parts == part)
            found[members] = np.arange(len(members))
        return found

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Images of each class by part, (parts, classes)."""
        classes = len(self.survey.classes)
        return np.stack(
            [np.bincount(self.survey.labels[self.parts == part], minlength=classes) for part in range(len(PARTS))]
        )

    def class_of(self, index: int) -> str:
        return plain(self.survey.classes[self.survey.labels[index]])

    def name_of(self, index: int) -> str:
        return plain(readable(self.survey.names[index]))

    def word_of(self, index: int) -> str:
        """Where an image stands, as `training 12`."""
        part = int(self.parts[index])
        return f"{_WORDS[part]} {self.places[index]:,}" if part < len(PARTS) else _WORDS[part]

    def tiles(self, indices: Sequence[int], chosen: int | None = None) -> list[Tile]:
        """Each image with its class and where it stands; one that was noted is marked."""
        return [
            Tile(
                index=index,
                source=self.picture(index),
                title=self.class_of(index),
                line=f"{self.word_of(index)}{' · noted' if self.survey.names[index] in self.notes else ''}",
                wrong=self.survey.names[index] in self.notes,
                chosen=index == chosen,
            )
            for index in indices
        ]

    def picture(self, index: int) -> str:
        """The small image as an address."""
        pixels = np.asarray(self.survey.pixels[index])
        return _to_address(pixels.tobytes(), len(pixels))


# An image is drawn for the page before its own, too.
@lru_cache(maxsize=512)
def _to_address(pixels: bytes, side: int) -> str:
    buffer = io.BytesIO()
    image = Image.frombytes("RGB", (side, side), pixels)
    image.save(buffer, "WEBP", lossless=True, method=0, quality=0)  # three quarters of a PNG's bytes, and sooner
    return image_address(buffer.getvalue(), "webp")
