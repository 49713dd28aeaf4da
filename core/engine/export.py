"""A trained network as a file that other programs read: ONNX, checked against torch, and safetensors with its spec."""

from __future__ import annotations

import io
import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from core.data.store import DataError
from core.engine.augment import normalize
from core.engine.data import Data, PerChannel
from core.engine.examine import Network, in_sentences, load_network
from core.engine.model import ResNet, SampledConv2d, build_model
from core.engine.preview import load_kept
from core.helper.questions import QuestionError, WeightsFile
from core.spec import DataSpec, RunSpec
from core.spec.parse import parse_spec
from core.spec.parts import BARE_NORM_OPSET, BLOCKS_WITH_BARE_SUM, ONNX_OPSETS, SAMPLED_OPSET
from core.stats.scores import softmax

if TYPE_CHECKING:
    from onnx import ModelProto

CHECKED_IMAGES = 256
CHECK_SECONDS = 20.0
CHECK_BATCH = 32
# A protocol buffer holds at most two gigabytes; some room is left for the graph.
_MAX_ONNX_BYTES = 2**31 - 2**24
# Of probabilities, and of logits as a share of the largest: more than float32 rounding of any network explains.
LARGEST_DIFFERENCE = 0.01

Scale = tuple[PerChannel, PerChannel]


def export_onnx(weights: WeightsFile, metadata: dict[str, str], recorded: Scale | None, path: str) -> str:
    """Writes the network as ONNX and returns a note.

    `images` (batch, c, size, size) float32 from 0 to 1, RGB or grey -> `logits` (batch, classes).
    Mean and standard deviation are part of the graph. Checked with onnxruntime on validation images; if these are gone,
    with the `recorded` mean and standard deviation on noise, and the note says so. Raises QuestionError, also if
    onnxruntime and torch differ.
    """
    with in_sentences():
        network = load_network(weights)
        opset = find_opset(network)
        data, trouble = find_data(network)
        scale = (data.mean, data.std) if data else recorded
        if scale is None:
            raise QuestionError(
                f"The mean and spread of the training images, which ONNX needs, are not known: {trouble}"
            )
        module = Normalized(network.model, scale).eval()
        proto = trace(module, network.spec.data, opset, "logits")
        about = {**metadata, **scale_texts(scale)}
        describe(proto, about, network.spec.data.num_channels, "logits: (batch, classes), before softmax.")
        content = proto.SerializeToString()
        difference = compare(content, network, pick_images(network.spec, data), scale)
    Path(path).write_bytes(content)
    part = "training" if data and not len(data.val) else "validation"
    return f"Operator set {opset}. {_tell(difference, part, trouble)}"


@dataclass(frozen=True)
class Difference:
    """The largest differences of onnxruntime and torch over some images; `agreeing` of them get the same class."""

    images: int
    logits: float
    probabilities: float
    agreeing: int


class Normalized(nn.Module):
    """Images from 0 to 1 -> logits: normalisation, then the network."""

    def __init__(self, network: ResNet, scale: Scale) -> None:
        super().__init__()
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in scale)
        self.network = network
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", 1 / std)
        self.register_buffer("shift", -mean / std)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images * self.scale + self.shift)  # (batch, classes)
        return logits


def find_opset(network: Network) -> int:
    """The lowest ONNX operator set that the network's parts allow."""
    model = network.spec.model
    kinds = ("stem", "layer_start", "block", "norm", "activation", "attention", "pool_kind")
    parts = [getattr(model, name) for name in kinds]
    samples = any(isinstance(module, SampledConv2d) for module in network.model.modules())
    pools = model.downsampling != "stride" and any(layer.stride > 1 for layer in model.layers)
    bare = model.norm == "batch" and (pools or model.block in BLOCKS_WITH_BARE_SUM)
    needed = (SAMPLED_OPSET if samples else 0, BARE_NORM_OPSET if bare else 0)
    return max(*(ONNX_OPSETS[part] for part in parts), *needed)


def trace(module: nn.Module, data: DataSpec, opset: int, output: str) -> ModelProto:
    """A module from images (batch, channels, size, size) to one output as ONNX. Raises QuestionError beyond 2 GB.

    By tracing, which takes a tenth of a second; torch's newer exporter takes six and writes no set below 18.
    """
    import onnx  # half a second that safetensors need not wait for

    num_bytes = sum(4 * tensor.numel() for tensor in module.state_dict().values())
    if num_bytes > _MAX_ONNX_BYTES:
        raise QuestionError(f"ONNX holds at most 2 GB in one file; these weights take {num_bytes / 1e9:.1f} GB.")
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # says that the newer one is the default
        torch.onnx.export(
            module,
            (torch.rand(2, data.num_channels, data.image_size, data.image_size),),
            file,  # type: ignore[arg-type]  # which without dynamo may be one in memory
            dynamo=False,
            opset_version=opset,
            input_names=["images"],
            output_names=[output],
            dynamic_axes={"images": {0: "batch"}, output: {0: "batch"}},
        )
    return onnx.load_from_string(file.getvalue())


def describe(proto: ModelProto, metadata: dict[str, str], num_channels: int, output: str) -> None:
    """Adds the metadata, and removes the paths of this machine, which the exporter noted at every node."""
    import onnx

    for node in proto.graph.node:
        node.ClearField("doc_string")
    proto.graph.name = "resnet"
    colour = "grey" if num_channels == 1 else "RGB"
    shape = f"(batch, {num_channels}, size, size)"
    proto.doc_string = f"images: {colour} from 0 to 1, {shape}; normalised inside. {output}"
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)


def compare(content: bytes, network: Network, images: Tensor, scale: Scale) -> Difference:
    """onnxruntime on an ONNX file against the network in torch, both in float32; `images` (n, c, s, s) bytes.

    Ends early, after at least one batch, if it takes too long. Raises QuestionError if the two do not agree.
    """
    import onnxruntime

    until = time.monotonic() + CHECK_SECONDS
    found, expected = [], []
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    for batch in torch.split(images, CHECK_BATCH):
        pixels = batch.numpy().astype(np.float32) / 255
        found.append(session.run(["logits"], {"images": np.ascontiguousarray(pixels)})[0])
        with torch.no_grad():
            expected.append(network.model(normalize(batch, *scale)).numpy())
        if time.monotonic() > until:
            break
    ours, theirs = np.concatenate(expected), np.concatenate(found)  # (images, classes)
    difference = Difference(
        images=len(ours),
        logits=float(np.abs(ours - theirs).max()),
        probabilities=float(np.abs(softmax(ours) - softmax(theirs)).max()),
        agreeing=int((ours.argmax(1) == theirs.argmax(1)).sum()),
    )
    # In this form NaN is refused as well.
    share = difference.logits / max(float(np.abs(ours).max()), 1e-6)
    if not max(difference.probabilities, share) <= LARGEST_DIFFERENCE:
        raise QuestionError(
            f"The ONNX file was not kept: onnxruntime's logits differ from torch's by up to {difference.logits:.2g}, "
            f"and the probabilities by up to {difference.probabilities:.2g}."
        )
    return difference


def find_data(network: Network) -> tuple[Data | None, str]:
    """The images of the run, or why they cannot be used."""
    try:
        data = load_kept(network.spec.data)
    except DataError as error:
        return None, str(error)
    if data.fingerprint != network.fingerprint:
        return None, "The images on this machine, or their split, are no longer those of this run."
    return data, ""


def pick_images(spec: RunSpec, data: Data | None) -> Tensor:
    """Up to `CHECKED_IMAGES` of the part that is checked, spread over all of it; noise if there are no images."""
    if data is None:
        size, generator = spec.data.image_size, torch.Generator().manual_seed(0)
        shape = (CHECKED_IMAGES, spec.data.num_channels, size, size)
        return torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    part = data.val if len(data.val) else data.train
    indices = torch.linspace(0, len(part) - 1, min(CHECKED_IMAGES, len(part))).long()
    return part.take(indices)[0]


def _tell(difference: Difference, part: str, trouble: str) -> str:
    count = difference.images
    kind = "images of noise, as the run's own are not at hand" if trouble else f"{part} images"
    same = "all of them" if difference.agreeing == count else f"{difference.agreeing:,} of them"
    sentence = (
        f"Checked with onnxruntime against torch on {count:,} {kind}: "
        f"logits differ by at most {difference.logits:.1e}, probabilities by at most {difference.probabilities:.1e}, "
        f"and the predicted class is the same for {same}."
    )
    return f"{sentence} {trouble}".strip()


def scale_texts(scale: Scale | None) -> dict[str, str]:
    return {"mean": json.dumps(scale[0]), "std": json.dumps(scale[1])} if scale else {}


# safetensors ------------------------------------------------------------------------------------------------------


def export_safetensors(weights: WeightsFile, metadata: dict[str, str], recorded: Scale | None, path: str) -> str:
    """Writes weights and buffers and returns a note; metadata says how to build and feed the network again.

    Raises QuestionError.
    """
    from safetensors.torch import save

    with in_sentences():
        network = load_network(weights)
        scale, trouble = recorded, ""
        if scale is None:
            data, trouble = find_data(network)
            scale = (data.mean, data.std) if data else None
        tensors = {name: tensor.contiguous() for name, tensor in network.model.state_dict().items()}
        content = _in_order(save(tensors, {"format": "pt", **metadata, **scale_texts(scale)}))
        loaded = load_safetensors(content).model.state_dict()
        if loaded.keys() != tensors.keys() or not all(torch.equal(loaded[name], tensors[name]) for name in tensors):
            raise QuestionError("The safetensors file was not kept: read back, its weights are not the same.")
    note = f"Read back and compared: all {len(tensors):,} tensors are the same."
    missing = f" Without mean and spread of the training images: {trouble}" if scale is None else ""
    Path(path).write_bytes(content)
    return note + missing


@dataclass(frozen=True)
class LoadedModel:
    """A network read back, in evaluation mode, with the spec of its run; `mean` and `std` are None if not recorded."""

    model: ResNet
    spec: RunSpec
    class_names: tuple[str, ...]
    mean: PerChannel | None
    std: PerChannel | None
    metadata: dict[str, str]


def load_safetensors(content: bytes) -> LoadedModel:
    """The inverse of `export_safetensors`: `load_safetensors(Path("model.safetensors").read_bytes())`.

    Feed `model` with `core.engine.augment.normalize(images, mean, std)`, images (n, c, size, size) as bytes. Raises
    QuestionError if the file is none of ours or damaged, SpecError if its spec cannot be built.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        metadata = _read_metadata(content)
        tensors = load(content)
        spec = parse_spec(metadata["spec"])
        model = build_model(spec.model, spec.data.num_classes, spec.data.image_size, spec.data.num_channels)
        model.load_state_dict(tensors)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise QuestionError(
            f"This is no safetensors file of a ResNet Lab model: {str(error).splitlines()[0]}"
        ) from None
    mean, std = (_read_scale(metadata[name]) if name in metadata else None for name in ("mean", "std"))
    names = tuple(json.loads(metadata.get("class_names", "[]")))
    return LoadedModel(model.to(memory_format=torch.channels_last).eval(), spec, names, mean, std, metadata)


def _read_header(content: bytes) -> tuple[dict[str, Any], int]:
    """The header, and where it ends: it is JSON after its length in eight bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), end


def _read_metadata(content: bytes) -> dict[str, str]:
    """Read here, as the library reads the metadata only of files on disk."""
    metadata: dict[str, str] = _read_header(content)[0]["__metadata__"]
    return metadata


def _in_order(content: bytes) -> bytes:
    """The same file with its metadata sorted: the library writes them in another order each time."""
    header, end = _read_header(content)
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[end:]


def _read_scale(text: str) -> PerChannel:
    return tuple(float(value) for value in json.loads(text))
