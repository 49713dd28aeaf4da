#!/usr/bin/env bash
# openvino 2026.4.1: Softmax of operator sets 11 and 12 normalizes one axis, where the specification has all from it on.
#
# Before set 13, Softmax makes its input a matrix: what stands before the axis are rows, all the rest is normalized
# together. OpenVINO does so up to set 10, and for LogSoftmax in 11 and 12 too; its Softmax of 11 and 12 is that of 13
# with the old default axis, so an attention map or a heat map of height and width comes in the right shape and adds up
# to 1 in every column. onnx's own reference evaluator does the same in every set below 13, and for LogSoftmax, with the
# NEW default axis besides: it agrees neither with the specification nor with OpenVINO. onnxruntime is right. For
# two dimensions, the usual logits, all agree, so that no test with a classifier shows it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

scores = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)  # (images, height, width)


def softmax(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    powers = np.exp(values - values.max(axes, keepdims=True))
    return powers / powers.sum(axes, keepdims=True)


def make_model(operation: str, opset: int, axis: int | None) -> onnx.ModelProto:
    attributes = {} if axis is None else {"axis": axis}
    node = helper.make_node(operation, ["scores"], ["map"], **attributes)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, scores.shape) for name in ("scores", "map")]
    graph = helper.make_graph([node], "attention", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6)
    onnx.checker.check_model(model, full_check=True)
    return model


def run_openvino(model: onnx.ModelProto) -> np.ndarray:
    core = openvino.Core()
    return core.compile_model(core.read_model(io.BytesIO(model.SerializeToString())), "CPU")([scores])[0]


def run_onnxruntime(model: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"scores": scores})[0]


def run_reference(model: onnx.ModelProto) -> np.ndarray:
    return ReferenceEvaluator(model).run(None, {"scores": scores})[0]


together, height, width = softmax(scores, (1, 2)), softmax(scores, (1,)), softmax(scores, (2,))
NAMES = {"together": together, "height alone": height, "width alone": width}


def describe(values: np.ndarray) -> str:
    (name,) = [name for name, expected in NAMES.items() if np.allclose(values, expected, atol=1e-2)]
    return name


print(", ".join(f"{name} {version(name)}" for name in ("openvino", "onnx", "onnxruntime")))
for opset in (9, 10, 11, 12):
    for operation in ("Softmax", "LogSoftmax"):
        for axis in (1, None):  # 1 is the default as well
            model = make_model(operation, opset, axis)
            found = [run(model) for run in (run_onnxruntime, run_openvino, run_reference)]
            runtime, vino, reference = (describe(np.exp(values) if operation == "LogSoftmax" else values) for values in found)
            print(f"set {opset:2} {operation:10} axis {axis}: onnxruntime {runtime}, openvino {vino}, reference {reference}")
            assert runtime == "together"
            assert vino == ("height alone" if operation == "Softmax" and opset >= 11 else "together")
            assert reference == ("width alone" if axis is None else "height alone")
model = make_model("Softmax", 13, 1)
assert [describe(run(model)) for run in (run_onnxruntime, run_openvino, run_reference)] == ["height alone"] * 3
PYTHON
