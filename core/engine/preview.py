"""Pictures of a data set's images: augmented samples to choose by, and single images as they are."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache

import torch
from PIL import Image
from torch import Tensor

from core.data.channels import to_colour
from core.data.decoding import Pixels
from core.data.folder import FolderStatus, inspect_folder
from core.data.store import DataError
from core.engine.augment import Augment
from core.engine.data import Data, ImageSet, load_data, load_sample, measure
from core.spec import DataSpec
from core.spec.parse import parse_spec

# Of a spec's data part.
_DECIDE_LOOK = {"dataset", "folder", "folder_classes", "folder_parts", "image_size", "colour", "ground", "damaged"}
_AUGMENTED_ROWS = 3
_POOL = 256
_GAP = 4
_SMALLEST_TILE = 64


def sample_grid(spec_json: str, count: int, seed: int) -> bytes:
    """PNG of `count` training images, the originals in the top row, three augmented versions of each below.

    The seed chooses the images and their changes. Raises `DataError` if the data set is not ready, `SpecError`.
    """
    spec = parse_spec(spec_json)
    # Only what decides how an image looks, so that a change of the split reads nothing again.
    chosen = spec.data.model_dump(include=_DECIDE_LOOK)
    pool = _load_pool(DataSpec(**chosen), _inspect(spec.data))
    generator = torch.Generator().manual_seed(seed)
    images, labels = pool.take(torch.randperm(len(pool), generator=generator)[:count])
    mean, std = measure(pool.images)
    augment = Augment(spec.augment, spec.data.num_classes, mean, std)
    changed = (augment(images, labels, generator)[0] for _ in range(_AUGMENTED_ROWS))
    return _draw_png([images, *(_to_bytes(x, mean, std) for x in changed)])


def image_strip(spec_json: str, part: str, places: Sequence[int], fingerprint: str = "") -> list[bytes]:
    """One PNG for each index in `train`, `val` or `test`, at the network's size; indices as in stored predictions.

    Raises `DataError` if the images are not ready, or no longer those with the `fingerprint`; `SpecError`.
    """
    data = parse_spec(spec_json).data
    loaded = load_kept(data)
    if fingerprint and loaded.fingerprint != fingerprint:
        raise DataError("The images on this machine are no longer those that the run was tested on.")
    images, _ = getattr(loaded, part).take(torch.tensor(list(places), dtype=torch.long))
    return [_encode(Image.fromarray(pixels)) for pixels in _to_pixels(images)]


def measure_set(spec_json: str) -> tuple[str, tuple[float, ...], tuple[float, ...]]:
    """The fingerprint of the images and their split, and what training scales them by: mean and standard deviation.

    Raises `DataError` if the images are not ready, `SpecError`.
    """
    loaded = load_kept(parse_spec(spec_json).data)
    return loaded.fingerprint, loaded.mean, loaded.std


def load_kept(data: DataSpec) -> Data:
    """A whole data set, kept in memory for the next question about it. Raises `DataError`."""
    return _load_whole(data, _inspect(data))


def _inspect(data: DataSpec) -> FolderStatus | None:
    """Tells what was kept of a folder from the folder as it is now."""
    return inspect_folder(data.folder, data.folder_parts) if data.dataset == "folder" else None


@lru_cache(maxsize=2)
def _load_whole(data: DataSpec, status: FolderStatus | None) -> Data:
    return load_data(data)


@lru_cache(maxsize=4)
def _load_pool(data: DataSpec, status: FolderStatus | None) -> ImageSet:
    return load_sample(data, _POOL)


def _to_bytes(x: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    means, stds = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, std))
    return ((x * stds + means) * 255).round().clamp(0, 255).to(torch.uint8)


def _to_pixels(images: Tensor) -> Pixels:
    """(n, c, s, s) -> (n, s, s, 3)."""
    return to_colour(images.permute(0, 2, 3, 1).numpy())


def _draw_png(rows: list[Tensor]) -> bytes:
    """Rows of (count, c, s, s) bytes -> a picture whose gaps are transparent, so that it fits any theme."""
    count, _, size, _ = rows[0].shape
    tile = size * max(1, -(-_SMALLEST_TILE // size))
    step = tile + _GAP
    picture = Image.new("RGBA", (count * step - _GAP, len(rows) * step - _GAP))
    for top, row in enumerate(rows):
        for left, pixels in enumerate(_to_pixels(row)):
            image = Image.fromarray(pixels).resize((tile, tile), Image.Resampling.NEAREST)
            picture.paste(image, (left * step, top * step))
    return _encode(picture)


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
