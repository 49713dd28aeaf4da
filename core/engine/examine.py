"""Questions about a trained network, answered in the helper process: single images, one's own too, and whole parts.

Always on the CPU: the GPU belongs to the runs that hold its slots. What was loaded is kept for the next question, by
the checkpoint's SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from core.data.catalogue import DATASETS
from core.data.edits import AS_IT_IS, Edits, apply_edits, make_grey
from core.data.uploads import decode_upload
from core.engine.augment import normalize
from core.engine.checkpoint import load, weights_of
from core.engine.data import Data, ImageSet, resize
from core.engine.device import pick_precision
from core.engine.evaluate import evaluate
from core.engine.gradcam import grad_cam, list_layers
from core.engine.model import ResNet, build_model
from core.engine.preview import load_kept
from core.helper.questions import Answer, Part, Picture, Piece, QuestionError, WeightsFile
from core.spec import DataSpec, RunSpec
from core.spec.parse import parse_spec
from core.stats.scores import softmax
from core.system.errors import LabError


@dataclass(frozen=True)
class Network:
    """A trained network, ready to answer, and the images that its run was trained on."""

    spec: RunSpec
    model: ResNet
    fingerprint: str
    dtype: torch.dtype


def prepare(weights: WeightsFile) -> int:
    """Loads the network and its images, so that the next question is answered quickly; returns how many layers it has.

    Raises QuestionError.
    """
    with in_sentences():
        network, _ = _load(weights)
        return len(list_layers(network.model))


def ask(
    weights: WeightsFile, picture: Picture, edits: Edits = AS_IT_IS, for_class: int | None = None, layer: int = -1
) -> Answer:
    """What the network says of one image and, for `for_class` or else its own answer, where it looks.

    Raises QuestionError.
    """
    with in_sentences():
        network, data = _load(weights)
        image, label = _take(picture, data, network.spec.data)
        pixels = apply_edits(image[0].permute(1, 2, 0).numpy(), edits, data.mean)  # (size, size, 3)
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None]  # (1, 3, size, size), channels last
        told = ImageSet(image, torch.tensor([label or 0]))
        logits = evaluate(network.model, told, data, batch_size=1, dtype=network.dtype).logits  # (1, classes)
        chances = softmax(logits)[0]
        chosen = int(chances.argmax()) if for_class is None else for_class
        if not 0 <= chosen < len(chances):
            raise QuestionError(f"There is no class {chosen}.")
        if not -len(list_layers(network.model)) <= layer < len(list_layers(network.model)):
            raise QuestionError(f"There is no layer {layer}.")
        heat = grad_cam(network.model, normalize(image, data.mean, data.std, torch.float32), chosen, layer)
        return Answer(pixels, chances, heat, chosen, label)


def predict(weights: WeightsFile, part: Part, start: int, count: int) -> Piece:
    """Logits and labels of up to `count` images of a part from `start` on, as an evaluation would store them.

    Raises QuestionError.
    """
    with in_sentences():
        network, data = _load(weights)
        whole: ImageSet = getattr(data, part)
        some = ImageSet(whole.images[start : start + count], whole.labels[start : start + count])
        batch_size = max(1, min(512, 4 * network.spec.train.batch_size))
        logits = evaluate(network.model, some, data, batch_size=batch_size, dtype=network.dtype).logits
        return Piece(logits, some.labels.numpy(), len(whole))


def read_own(content: bytes, spec: DataSpec) -> Tensor:
    """One's own image as (1, 3, size, size) bytes, resized as the data set was. Raises QuestionError."""
    entry = DATASETS[spec.dataset]
    pixels = decode_upload(content, entry.side or spec.image_size)
    if entry.is_grey:
        pixels = make_grey(pixels)
    return resize(torch.tensor(pixels).permute(2, 0, 1)[None], spec.image_size)


def _take(picture: Picture, data: Data, spec: DataSpec) -> tuple[Tensor, int | None]:
    if picture.content:
        return read_own(picture.content, spec), None
    part: ImageSet = getattr(data, picture.part)
    if not 0 <= picture.index < len(part):
        raise QuestionError(f"There is no image {picture.index}: this part has {len(part):,}, counted from 0.")
    image, label = part.take(torch.tensor([picture.index]))
    return image, int(label)


def _load(weights: WeightsFile) -> tuple[Network, Data]:
    with ThreadPoolExecutor(1) as beside:
        # Looked at every time: a folder may have changed since. The first time it takes as long as the network does.
        images = beside.submit(load_kept, parse_spec(weights.spec_json).data)
        network = _warm_network(weights)
        data = images.result()
    if data.fingerprint != network.fingerprint:
        raise QuestionError("The images on this machine, or their split, are no longer those of this run.")
    return network, data


@lru_cache(maxsize=4)
def _warm_network(weights: WeightsFile) -> Network:
    """With its first map made, and with what that imports."""
    network = load_network(weights)
    size = network.spec.data.image_size
    grad_cam(network.model, torch.zeros(1, 3, size, size), 0)
    return network


@lru_cache(maxsize=4)
def load_network(weights: WeightsFile) -> Network:
    """Kept for the next question. Raises CheckpointError and SpecError."""
    spec = parse_spec(weights.spec_json)
    state = load(Path(weights.path), weights.sha256)
    model = build_model(spec.model, spec.data.num_classes, spec.data.image_size)
    model.load_state_dict(weights_of(state, weights.which))
    model.to(memory_format=torch.channels_last).eval()
    # In bfloat16 only where it is native: emulated, it is far slower than float32.
    wanted = "auto" if spec.train.precision == "bfloat16" else spec.train.precision
    return Network(spec, model, str(state.get("fingerprint")), pick_precision(wanted, torch.device("cpu")))


@contextmanager
def in_sentences() -> Iterator[None]:
    """The engine's errors as ones that need no torch to be received."""
    try:
        yield
    except LabError as error:
        raise QuestionError(str(error)) from None
    except (RuntimeError, KeyError) as error:  # torch: weights of another shape, or memory that is not there
        raise QuestionError(f"The network could not be asked: {str(error).splitlines()[0]}") from None
