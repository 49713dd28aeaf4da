"""Questions about a trained network, answered in the helper process: single images, also one's own, and whole parts.

Always on the CPU, as the GPU belongs to the runs that hold its slots. What was loaded is kept for the next question.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.data.catalogue import DATASETS
from core.data.channels import to_colour, treat_as
from core.data.decoding import Look
from core.data.edits import AS_IT_IS, Edits, apply_edits
from core.data.shades import Scales
from core.data.uploads import decode_upload
from core.engine.augment import normalize
from core.engine.checkpoint import load, weights_of
from core.engine.data import Data, ImageSet, resize
from core.engine.device import pick_precision
from core.engine.evaluate import evaluate, evaluation_batch
from core.engine.model import ResNet, build_model
from core.engine.preview import load_kept
from core.helper.questions import Answer, Part, Picture, Piece, QuestionError, WeightsFile
from core.spec import DataSpec, Precision, RunSpec
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
    """Loads network and images ahead of the next question; returns the number of layers. Raises QuestionError."""
    with in_sentences():
        network, _ = load_checked(weights)
        return len(list_layers(network.model))


def ask(
    weights: WeightsFile, picture: Picture, edits: Edits = AS_IT_IS, for_class: int | None = None, layer: int = -1
) -> Answer:
    """What the network says of an image, and where it looks for `for_class` or its own answer. Raises QuestionError."""
    with in_sentences():
        network, data = load_checked(weights)
        image, label = _take(picture, data, network.spec.data)
        pixels = image[0].permute(1, 2, 0).numpy()  # (size, size, c)
        pixels = np.atleast_3d(apply_edits(pixels[..., 0] if len(image[0]) == 1 else pixels, edits, data.mean))
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None]  # (1, c, size, size), channels last
        single = ImageSet(image, torch.tensor([label or 0]))
        logits = evaluate(network.model, single, data, batch_size=1, dtype=network.dtype).logits  # (1, classes)
        chances = softmax(logits)[0]
        chosen = int(chances.argmax()) if for_class is None else for_class
        if not 0 <= chosen < len(chances):
            raise QuestionError(f"There is no class {chosen}.")
        count = len(list_layers(network.model))
        if not -count <= layer < count:
            raise QuestionError(f"There is no layer {layer}.")
        heat = grad_cam(network.model, normalize(image, data.mean, data.std, torch.float32), chosen, layer)
        return Answer(to_colour(pixels), chances, heat, chosen, label)


def predict(weights: WeightsFile, part: Part, start: int, count: int) -> Piece:
    """Logits and labels of up to `count` images from `start` on, as an evaluation stores them. Raises QuestionError."""
    with in_sentences():
        network, data = load_checked(weights)
        whole: ImageSet = getattr(data, part)
        batch_size = min(512, evaluation_batch(network.spec.train))
        # Whole batches where there is one, so that each is rounded as it was when the training scored it.
        stop = start + (count // batch_size * batch_size or count)
        some = ImageSet(whole.images[start:stop], whole.labels[start:stop])
        logits = evaluate(network.model, some, data, batch_size=batch_size, dtype=network.dtype).logits
        return Piece(logits, some.labels.numpy(), len(whole))


def read_own(content: bytes, spec: DataSpec, scales: Scales | None = None) -> Tensor:
    """One's own image as (1, c, size, size) bytes, resized and scaled as the data set was. Raises QuestionError."""
    entry = DATASETS[spec.dataset]
    pixels = decode_upload(content, Look(entry.side or spec.image_size, spec.ground, scales or {}))
    treated = treat_as(pixels[None], spec.num_channels, is_grey=entry.is_grey)  # (1, side, side, c)
    return resize(torch.tensor(treated).permute(0, 3, 1, 2), spec.image_size)


def _take(picture: Picture, data: Data, spec: DataSpec) -> tuple[Tensor, int | None]:
    if picture.content:
        return read_own(picture.content, spec, data.scales), None
    part: ImageSet = getattr(data, picture.part)
    if not 0 <= picture.index < len(part):
        raise QuestionError(f"There is no image {picture.index}: this part has {len(part):,}, counted from 0.")
    image, label = part.take(torch.tensor([picture.index]))
    return image, int(label)


def load_checked(weights: WeightsFile) -> tuple[Network, Data]:
    """The network, and the images of its run as they were. Raises QuestionError if they are others now."""
    with ThreadPoolExecutor(1) as beside:
        # Looked up every time, as a folder may have changed. The first time it takes as long as the network does.
        images = beside.submit(load_kept, parse_spec(weights.spec_json).data)
        network = _warm_network(weights)
        data = images.result()
    if data.fingerprint != network.fingerprint:
        raise QuestionError("The images on this machine, or their split, are no longer those of this run.")
    return network, data


@lru_cache(maxsize=4)
def _warm_network(weights: WeightsFile) -> Network:
    """Its first map imports what the next ones need."""
    network = load_network(weights)
    size, channels = network.spec.data.image_size, network.spec.data.num_channels
    grad_cam(network.model, torch.zeros(1, channels, size, size), 0)
    return network


@lru_cache(maxsize=4)
def load_network(weights: WeightsFile) -> Network:
    """Kept for the next question. Raises CheckpointError and SpecError."""
    spec = parse_spec(weights.spec_json)
    state = load(Path(weights.path), weights.sha256)
    model = build_model(spec.model, spec.data.num_classes, spec.data.image_size, spec.data.num_channels)
    model.load_state_dict(weights_of(state, weights.which))
    model.to(memory_format=torch.channels_last).eval()
    # As it was trained; in bfloat16 only if that is native: emulated, it is far slower than float32.
    trained = state.get("precision") or spec.train.precision
    wanted: Precision = "float32" if trained == "float32" else "auto"
    return Network(spec, model, str(state.get("fingerprint")), pick_precision(wanted, torch.device("cpu")))


def list_layers(model: ResNet) -> list[nn.Module]:
    """The layers whose maps can be looked at, the first block layer first; the last one's map goes to the pooling."""
    return [*list(model.layers)[:-1], model.close]


def grad_cam(model: ResNet, image: Tensor, target: int, layer: int = -1) -> npt.NDArray[np.float32]:
    """How much each pixel speaks for class `target`, by Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) in float32.

    (1, c, s, s) normalised -> (s, s), at most 1, or all 0 if none speaks for it. `layer` counts as in `list_layers`.
    """
    from captum.attr import LayerAttribution, LayerGradCam  # half a second that other questions need not wait for

    size = image.shape[-1]
    model.eval()
    with torch.enable_grad():
        # A leaf that wants a gradient, or the maps before it would have none.
        maps = LayerGradCam(model, list_layers(model)[layer]).attribute(
            image.detach().clone().requires_grad_(), target=target, relu_attributions=True
        )
    model.zero_grad(set_to_none=True)
    heat = LayerAttribution.interpolate(maps.detach(), (size, size), "bilinear")[0, 0]  # (size, size)
    highest = heat.max()
    if not torch.isfinite(highest) or highest <= 0:
        return np.zeros((size, size), np.float32)
    scaled: npt.NDArray[np.float32] = (heat / highest).float().numpy()
    return scaled


@contextmanager
def in_sentences() -> Iterator[None]:
    """The engine's errors as ones that need no torch to be received."""
    try:
        yield
    except LabError as error:
        raise QuestionError(str(error)) from None
    except (RuntimeError, KeyError, ValueError) as error:  # of another shape, too little memory, logits that are NaN
        raise QuestionError(f"The network could not be asked: {str(error).splitlines()[0]}") from None
