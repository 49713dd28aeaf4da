#!/usr/bin/env bash
# onnx2torch 1.5.15: ReduceMax over the axes -2 and -1 takes the maximum over the rows and the CHANNELS.
#
# ReduceMax, ReduceMin and ReduceProd are taken axis by axis, and every axis is lowered by the number of those that are
# gone: right for axes that are counted from the front, wrong for negative ones, which do not move when one before them
# is gone. torch.amax(features, (-2, -1)), a global maximum pooling, so returns one value for each COLUMN; with as many
# columns as channels even the shape is right. With keepdims or with the axes 2 and 3 it is right, and so are ReduceMean
# and ReduceSum. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx2torch==1.5.15 onnx==1.23.2 onnxruntime==1.32.0 torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import onnx
import onnx2torch
import onnxruntime
import torch
from onnx import TensorProto, helper

REDUCTIONS = {"ReduceMax": np.max, "ReduceMin": np.min, "ReduceProd": np.prod, "ReduceMean": np.mean}
SHAPE = (2, 8, 8, 8)


def make_model(operation: str, axes: tuple[int, ...], keepdims: int) -> onnx.ModelProto:
    node = helper.make_node(operation, ["features"], ["pooled"], axes=axes, keepdims=keepdims)
    shapes = {"features": SHAPE, "pooled": SHAPE[:2] + (1, 1) * keepdims}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph([node], "pooling", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


print(", ".join(f"{name} {version(name)}" for name in ("onnx2torch", "onnx", "onnxruntime", "torch")))
features = np.random.default_rng(0).uniform(0.5, 1.5, SHAPE).astype(np.float32)
wrong = []
for operation, axes, keepdims in (
    ("ReduceMax", (-2, -1), 0),
    ("ReduceMin", (-2, -1), 0),
    ("ReduceProd", (-2, -1), 0),
    ("ReduceMean", (-2, -1), 0),
    ("ReduceMax", (-2, -1), 1),
    ("ReduceMax", (2, 3), 0),
):
    model = make_model(operation, axes, keepdims)
    reduce = REDUCTIONS[operation]
    right = reduce(features, axis=axes, keepdims=bool(keepdims))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {"features": features})[0], right)
    found = onnx2torch.convert(model)(torch.from_numpy(features)).numpy()
    print(f"{operation:10} over {axes!s:8} keepdims {keepdims}: off by {abs(found - right).max():.3f}")
    if not np.allclose(found, right):
        assert np.allclose(found, reduce(features, axis=(1, 2)))
        wrong.append((operation, axes, keepdims))
assert wrong == [(operation, (-2, -1), 0) for operation in ("ReduceMax", "ReduceMin", "ReduceProd")]
PYTHON
