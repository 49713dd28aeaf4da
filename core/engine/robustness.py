"""How a network answers images that are spoiled, and those of another data set, in the helper process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pkgutil import resolve_name

import numpy as np
import numpy.typing as npt
import torch

from core.data.catalogue import DATASETS, check_ready
from core.data.channels import to_colour, treat_as
from core.data.corruptions import corrupt, list_variations
from core.data.decoding import Pixels
from core.data.folder import FolderStatus, inspect_folder
from core.data.source import Source
from core.engine.answers import score
from core.engine.data import Data, ImageSet
from core.engine.evaluate import evaluate, evaluation_batch
from core.engine.examine import Network, in_sentences, load_checked, load_network
from core.helper.questions import Member, Piece, QuestionError, SpoiltPiece, WeightsFile
from core.spec import DataSpec
from core.spec.parse import parse_spec
from core.system.names import canonical
from core.text.words import list_first


def score_spoilt(weights: WeightsFile, done: int, count: int, images: int, seed: int) -> SpoiltPiece:
    """Which of up to `count` answers are right, after `done` of them: validation images, spoiled in every way in turn.

    Of the validation part at most `images` are taken, spread over all of it. Raises QuestionError.
    """
    with in_sentences():
        network, data = load_checked(weights)
        chosen = pick_spread(len(data.val), images)  # (n,)
        variations = list(list_variations())
        total = len(chosen) * len(variations)
        if not 0 <= done < total:
            raise QuestionError(f"There is no answer {done}: there are {total:,}.")
        variation, start = divmod(done, len(chosen))
        indices = chosen[start : start + count]
        pixels, labels = data.val.take(torch.from_numpy(indices))
        spoilt = spoil(pixels.permute(0, 2, 3, 1).numpy(), *variations[variation], seed, indices, network)
        some = ImageSet(torch.from_numpy(spoilt).permute(0, 3, 1, 2), labels)
        logits = _evaluate(network, some, data)
        return SpoiltPiece(logits.argmax(1) == labels.numpy(), len(chosen), total)


def pick_spread(count: int, most: int) -> npt.NDArray[np.int64]:
    """At most so many indices of `count`, ascending, spread over all."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def spoil(
    pixels: Pixels, kind: str, strength: int, seed: int, indices: npt.NDArray[np.int64], network: Network
) -> Pixels:
    """As `corrupt`, or as they are without a kind: (n, s, s, c) bytes -> same; grey images stay grey."""
    if not kind:
        return pixels
    spoilt = corrupt(to_colour(pixels), kind, strength, seed, indices.tolist())
    data = network.spec.data
    return treat_as(spoilt, data.num_channels, is_grey=DATASETS[data.dataset].is_grey)


def predict_set(member: Member, data_json: str, classes: Sequence[str], start: int, count: int) -> Piece:
    """Logits and labels of up to `count` images of another data set, from `start` on, by a run's `classes`.

    Of a set with test images of its own these, else all. Raises QuestionError, also for a class that the run does not
    know.
    """
    with in_sentences():
        network = load_network(member.weights)
        own, asked = network.spec.data, parse_spec(data_json).data
        look = {"image_size": DATASETS[own.dataset].side or own.image_size, "ground": own.ground}
        source = _read_kept(asked.model_copy(update=look))
        numbers = _match(source.class_names, classes)
        first = len(source.labels) - source.num_test if source.num_test else 0
        some = slice(first + start, first + start + count)
        logits, _ = score(network, member, np.array(source.images[some]))  # a copy: they may be mapped from a file
        return Piece(logits, numbers[source.labels[some]], len(source.labels) - first)


def _read_kept(data: DataSpec) -> Source:
    """A whole data set, kept for the next piece of it. Raises `DataError`."""
    check_ready(data)
    return _read(data, inspect_folder(data.folder, data.folder_parts) if data.has_path else None)


@lru_cache(maxsize=1)
def _read(data: DataSpec, status: FolderStatus | None) -> Source:
    read: Callable[[DataSpec], Source] = resolve_name(DATASETS[data.dataset].reader)
    return read(data)


def _match(names: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.int64]:
    """The run's class for each of the set's. Raises QuestionError for one that it does not know."""
    numbers = {canonical(name): index for index, name in enumerate(known)}
    if strange := [name for name in names if canonical(name) not in numbers]:
        told = list_first(strange, 3)
        raise QuestionError(
            f"The set has classes that the run does not know: {told}. It knows {list_first(known, 10)}."
        )
    return np.array([numbers[canonical(name)] for name in names], np.int64)


def _evaluate(network: Network, some: ImageSet, data: Data) -> npt.NDArray[np.float32]:
    batch_size = min(512, evaluation_batch(network.spec.train))
    return evaluate(network.model, some, data, batch_size=batch_size, dtype=network.dtype).logits
