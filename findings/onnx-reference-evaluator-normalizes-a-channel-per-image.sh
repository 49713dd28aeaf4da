#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator's LRN normalizes as many channels as there are images, the others become other.
#
# It counts channels by the length of the first axis: with one image only channel 0 is divided by its neighbourhood,
# with four images the first four, and only if there are at least as many images as channels is all of it right (the
# standard's own test has five of each). The same image so has other results in another batch. onnxruntime computes what
# the specification says.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

CHANNELS, SIZE, ALPHA, BETA, BIAS = 6, 3, 0.5, 0.75, 1.0


def make_model(images: int) -> onnx.ModelProto:
    node = helper.make_node("LRN", ["images"], ["normalized"], size=SIZE, alpha=ALPHA, beta=BETA, bias=BIAS)
    shape = (images, CHANNELS, 4, 4)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "normalized")]
    graph = helper.make_graph([node], "lrn", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def normalize(images: np.ndarray) -> np.ndarray:
    """What the specification says: each channel by the squares of itself and its neighbours."""
    squares = np.pad(images**2, ((0, 0), (SIZE // 2, SIZE // 2), (0, 0), (0, 0)))
    sums = sum(squares[:, start : start + CHANNELS] for start in range(SIZE))
    return images / (BIAS + ALPHA / SIZE * sums) ** BETA


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
everything = np.random.default_rng(0).normal(size=(CHANNELS, CHANNELS, 4, 4)).astype(np.float32)
for count in range(1, CHANNELS + 1):
    images = everything[:count]
    model = make_model(count)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {"images": images})[0], normalize(images), atol=1e-5)
    reference = ReferenceEvaluator(model).run(None, {"images": images})[0]
    off = abs(reference - normalize(images)).max((0, 2, 3))
    right = [channel for channel in range(CHANNELS) if off[channel] < 1e-5]
    print(f"{count} images: right in channels {right}, off by up to {off.max():.3f} in the others")
    assert right == list(range(count))
    assert np.allclose(reference[:, count:], images[:, count:], atol=1e-5)  # left as they were
PYTHON
