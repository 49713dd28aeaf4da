#!/usr/bin/env bash
# onnxslim 0.1.98: a factor for each column of a convolution's output is put on its channels, if there are equally many.
#
# Mul lines shapes up from the right (ONNX's broadcasting, as in numpy), so 8 factors belong to the 8 columns. onnxslim
# folds every Mul by a constant into the convolution before it whose squeezed length is the number of channels, wherever
# that axis stands: also (8, 1), a factor for each row. A gate by position, a window or a mask then scales channels, in a
# model that still loads and runs. The same constant after 9 columns, or added instead of multiplied, is left as it is;
# onnxsim is right in all of them. No warning: the comparison with the original (model_check) is off unless asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxslim==0.1.98 onnxsim==0.8.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import onnxsim
import onnxslim
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 8
generator = np.random.default_rng(0)
weight = generator.normal(size=(CHANNELS, 3, 1, 1)).astype(np.float32)


def make_model(operation: str, factors: np.ndarray, shape: tuple[int, ...]) -> onnx.ModelProto:
    """A convolution and, after it, one operation with the factors."""
    nodes = [helper.make_node("Conv", ["images", "weight"], ["features"])]
    nodes.append(helper.make_node(operation, ["features", "factors"], ["scaled"]))
    ends = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    scaled = helper.make_tensor_value_info("scaled", TensorProto.FLOAT, (shape[0], CHANNELS, *shape[2:]))
    weights = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(factors, "factors")]
    graph = helper.make_graph(nodes, "gate", [ends], [scaled], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})[0]


print(", ".join(f"{name} {version(name)}" for name in ("onnxslim", "onnxsim", "onnx", "onnxruntime")))
wrong = []
for operation, factor_shape, side, meaning in (
    ("Mul", (8, 1, 1), 8, "channels"),
    ("Mul", (8,), 8, "columns"),
    ("Mul", (8, 1), 8, "rows"),
    ("Mul", (9,), 9, "columns"),
    ("Add", (8,), 8, "columns"),
):
    images = generator.normal(size=(2, 3, side, side)).astype(np.float32)
    factors = generator.uniform(0.5, 2, size=factor_shape).astype(np.float32)
    features = np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], images)
    right = features * factors if operation == "Mul" else features + factors
    model = make_model(operation, factors, images.shape)
    slim = run(onnxslim.slim(model), images)
    simple = run(onnxsim.simplify(model)[0], images)
    name = f"{operation} {factor_shape}, {meaning}, {side} pixels wide"
    off = [float(abs(result - right).max()) for result in (run(model, images), simple, slim)]
    print(f"{name:38} off by {off[0]:.5f} (as it is), {off[1]:.5f} (onnxsim), {off[2]:.5f} (onnxslim)")
    assert max(off[:2]) < 1e-4
    if off[2] > 1e-4:
        assert np.allclose(slim, features * factors.reshape(1, CHANNELS, 1, 1), atol=1e-4)
        wrong.append((operation, factor_shape))
assert wrong == [("Mul", (8,)), ("Mul", (8, 1))]
PYTHON
