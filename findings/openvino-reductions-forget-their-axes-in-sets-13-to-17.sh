#!/usr/bin/env bash
# openvino 2026.4.1: ReduceL1, ReduceLogSum and ReduceLogSumExp of operator sets 13 to 17 reduce over ALL axes.
#
# In these sets the axes are an attribute (an input only from set 18 on), and these three look for the input alone. With
# keepdims the result has one value for the whole batch, which broadcasting hides from whatever follows: logits minus
# their log-sum-exp, so log-probabilities, come in the right shape and depend on the other images of the batch.
# Sets 11, 12 and 18 are read rightly, and so are the seven other reductions. No error and no warning; onnxruntime and
# onnx's reference evaluator compute what the specification says in every set.
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
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

IMAGES, CLASSES = 4, 3
REDUCTIONS = {
    "ReduceL1": lambda values: np.abs(values).sum(1, keepdims=True),
    "ReduceL2": lambda values: np.sqrt((values**2).sum(1, keepdims=True)),
    "ReduceLogSum": lambda values: np.log(values.sum(1, keepdims=True)),
    "ReduceLogSumExp": lambda values: np.log(np.exp(values).sum(1, keepdims=True)),
    "ReduceMax": lambda values: values.max(1, keepdims=True),
    "ReduceMean": lambda values: values.mean(1, keepdims=True),
    "ReduceMin": lambda values: values.min(1, keepdims=True),
    "ReduceProd": lambda values: values.prod(1, keepdims=True),
    "ReduceSum": lambda values: values.sum(1, keepdims=True),
    "ReduceSumSquare": lambda values: (values**2).sum(1, keepdims=True),
}
logits = np.random.default_rng(0).uniform(0.5, 2, size=(IMAGES, CLASSES)).astype(np.float32)


def make_model(reduction: str, opset: int) -> onnx.ModelProto:
    """The logits minus their reduction over the classes."""
    by_input = opset >= (13 if reduction == "ReduceSum" else 18)
    axes = [numpy_helper.from_array(np.array([1]), "axes")] if by_input else []
    names, attributes = (["logits", "axes"], {}) if by_input else (["logits"], {"axes": [1]})
    nodes = [helper.make_node(reduction, names, ["reduced"], keepdims=1, **attributes)]
    nodes.append(helper.make_node("Sub", ["logits", "reduced"], ["output"]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, logits.shape) for name in ("logits", "output")]
    graph = helper.make_graph(nodes, "reduction", ends[:1], ends[1:], axes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def run_openvino(model: onnx.ModelProto) -> np.ndarray:
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(model.SerializeToString())), "CPU")
    return compiled([logits])[0]


print(", ".join(f"{name} {version(name)}" for name in ("openvino", "onnx", "onnxruntime")))
wrong: dict[str, list[int]] = {}
for reduction, compute in REDUCTIONS.items():
    for opset in (11, 12, 13, 14, 15, 16, 17, 18):
        model = make_model(reduction, opset)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        right = logits - compute(logits)
        assert np.allclose(session.run(None, {"logits": logits})[0], right, atol=1e-5)
        assert np.allclose(ReferenceEvaluator(model).run(None, {"logits": logits})[0], right, atol=1e-5)
        found = run_openvino(model)
        assert found.shape == right.shape
        if not np.allclose(found, right, atol=1e-2):
            whole_batch = logits - compute(logits.reshape(1, -1))
            assert np.allclose(found, whole_batch, atol=1e-2)
            wrong.setdefault(reduction, []).append(opset)
for reduction, opsets in wrong.items():
    print(f"{reduction}: over all axes in sets {opsets}")
sums = np.exp(run_openvino(make_model("ReduceLogSumExp", 17))).sum(1)
print(f"exp(logits - log-sum-exp) adds up to {np.round(sums, 3)} by image")
assert wrong == dict.fromkeys(("ReduceL1", "ReduceLogSum", "ReduceLogSumExp"), [13, 14, 15, 16, 17])
assert np.isclose(sums.sum(), 1, atol=1e-2)
PYTHON
