#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator treats BatchNormalization of operator sets 9 to 13 as in training.
#
# These sets tell inference from training by the number of outputs: with one, the stored mean and variance are to be
# used as they are. The evaluator mixes a tenth of the batch's own into them all the same (momentum is 0.9 unless it is
# given), so an image's result depends on what it is evaluated with. onnxruntime computes what the specification says;
# from set 14 on, where an attribute tells, both agree. Whoever checks an export for old readers against the reference
# holds a right model for wrong. No warning, and the checker finds nothing to say.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

generator = np.random.default_rng(0)
images = generator.normal(size=(2, 3, 4, 4)).astype(np.float32)
scale, bias, mean = (generator.normal(size=3).astype(np.float32) for _ in range(3))
variance = generator.uniform(0.5, 2, size=3).astype(np.float32)


def normalize(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """What the specification says of one output, with these statistics."""
    mean, variance, factor, offset = (values.reshape(1, 3, 1, 1) for values in (mean, variance, scale, bias))
    return (images - mean) / np.sqrt(variance + 1e-5) * factor + offset


def make_model(opset: int) -> onnx.ModelProto:
    names = ["scale", "bias", "mean", "variance"]
    weights = [numpy_helper.from_array(v, n) for v, n in zip([scale, bias, mean, variance], names, strict=True)]
    node = helper.make_node("BatchNormalization", ["images", *names], ["normalized"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, images.shape) for name in ("images", "normalized")]
    graph = helper.make_graph([node], "one", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    onnx.checker.check_model(model, full_check=True)
    return model


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
right = normalize(mean, variance)
axes = (0, 2, 3)
mixed = normalize(0.9 * mean + 0.1 * images.mean(axes), 0.9 * variance + 0.1 * images.var(axes))
wrong = []
for opset in (9, 10, 11, 12, 13, 14, 15, 20):
    model = make_model(opset)
    reference = ReferenceEvaluator(model).run(None, {"images": images})[0]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    runtime = session.run(None, {"images": images})[0]
    print(f"set {opset}: off by {abs(reference - right).max():.6f} (reference), {abs(runtime - right).max():.6f} (onnxruntime)")
    assert np.allclose(runtime, right, atol=1e-5)
    if not np.allclose(reference, right, atol=1e-5):
        assert np.allclose(reference, mixed, atol=1e-5)
        wrong.append(opset)
assert wrong == [9, 10, 11, 12, 13]
PYTHON
