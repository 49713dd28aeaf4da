"""Several trained networks as one ONNX file, which answers by the mean of their probabilities."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.engine.examine import Network, in_sentences, load_network
from core.engine.export import (
    CHECK_BATCH,
    CHECK_SECONDS,
    LARGEST_DIFFERENCE,
    Normalized,
    describe,
    find_data,
    find_opset,
    pick_images,
    trace,
)
from core.helper.questions import Member, QuestionError


class Ensemble(nn.Module):
    """Images (n, 3, size, size) from 0 to 1 -> the mean of the members' probabilities, (n, classes)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        chances: list[Tensor] = [member(images).softmax(1) for member in self.members]
        return torch.stack(chances).mean(0)


def export_ensemble(members: Sequence[Member], metadata: dict[str, str], path: str) -> str:
    """Writes the networks as one ONNX file and returns a note.

    `images` (batch, 3, size, size) float32 RGB from 0 to 1 -> `probabilities` (batch, classes). Checked with
    onnxruntime on validation images of the first, or on noise if these are gone. Raises QuestionError, also if the
    networks look at images of different sizes, or onnxruntime and torch differ.
    """
    with in_sentences():
        networks = [load_network(member.weights) for member in members]
        require_one_shape(networks)
        scales = [(member.mean, member.std) for member in members]
        together = Ensemble(
            [Normalized(each.model, scale) for each, scale in zip(networks, scales, strict=True)]
        ).eval()
        first, opset = networks[0].spec, max(map(find_opset, networks))
        proto = trace(together, first.data, opset, "probabilities")
        describe(
            proto,
            metadata,
            first.data.num_channels,
            "probabilities: (batch, classes), the mean of several networks' softmax.",
        )
        content = proto.SerializeToString()
        data, trouble = find_data(networks[0])
        images, difference, agreeing = compare(content, together, pick_images(first, data))
    Path(path).write_bytes(content)
    part = "training" if data and not len(data.val) else "validation"
    kind = "images of noise, as the runs' own are not at hand" if trouble else f"{part} images"
    return (
        f"Operator set {opset}. {len(members)} networks. Checked with onnxruntime against torch on {images:,} {kind}: "
        f"probabilities differ by at most {difference:.1e}, and the predicted class is the same for "
        f"{'all' if agreeing == images else f'{agreeing:,}'} of them."
    )


def require_one_shape(networks: Sequence[Network]) -> None:
    """Raises QuestionError where networks look at images of different sizes, or at grey ones and at coloured ones."""
    sizes = sorted({network.spec.data.image_size for network in networks})
    if len(sizes) > 1:
        told = " and ".join(f"{size} x {size}" for size in sizes)
        raise QuestionError(f"The networks look at images of different sizes ({told}): one ONNX file takes one size.")
    if len({network.spec.data.num_channels for network in networks}) > 1:
        raise QuestionError("Some of the networks look at grey images and some at colours: one ONNX file takes either.")


def compare(content: bytes, together: nn.Module, images: Tensor) -> tuple[int, float, int]:
    """onnxruntime against torch on bytes (n, 3, s, s): how many images, the largest difference, equal answers.

    Ends early, after at least one batch, if it takes too long. Raises QuestionError if the two do not agree.
    """
    import onnxruntime

    until = time.monotonic() + CHECK_SECONDS
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    found, expected = [], []
    for batch in torch.split(images, CHECK_BATCH):
        pixels = batch.contiguous().float() / 255
        found.append(session.run(["probabilities"], {"images": np.ascontiguousarray(pixels.numpy())})[0])
        with torch.no_grad():
            expected.append(together(pixels).numpy())
        if time.monotonic() > until:
            break
    theirs, ours = np.concatenate(found), np.concatenate(expected)  # (images, classes)
    difference = float(np.abs(theirs - ours).max())
    if not difference <= LARGEST_DIFFERENCE:  # in this form NaN is refused as well
        raise QuestionError(
            f"The ONNX file was not kept: onnxruntime's probabilities differ from torch's by up to {difference:.2g}."
        )
    return len(ours), difference, int((theirs.argmax(1) == ours.argmax(1)).sum())
