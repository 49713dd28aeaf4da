#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator's LpNormalization with p = 1 divides by the sum, not by the sum of the magnitudes.
#
# The first norm of 1, -2, 2 is 5; the evaluator divides by 1, and what comes out has the norm 5 instead of 1. Where the
# values cancel out all becomes 0. With values above zero, or with p = 2, it is right; onnxruntime always is.
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


def normalize(values: list[float], p: int) -> tuple[np.ndarray, np.ndarray]:
    """By the evaluator and by onnxruntime."""
    node = helper.make_node("LpNormalization", ["x"], ["y"], axis=-1, p=p)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, len(values))) for name in ("x", "y")]
    graph = helper.make_graph([node], "norm", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    feed = {"x": np.array([values], np.float32)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return ReferenceEvaluator(model).run(None, feed)[0][0], session.run(None, feed)[0][0]


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
for values, p, norm in (([1, 2, 2], 1, 1.0), ([1, -2, 2], 2, 1.0), ([1, -2, 2], 1, 5.0), ([1, -3, 2], 1, 0.0)):
    reference, runtime = normalize(values, p)
    norms = [float(np.linalg.norm(each, p)) for each in (reference, runtime)]
    print(f"{values} with p = {p}: evaluator {reference.tolist()}, onnxruntime {runtime.tolist()}, norms {norms}")
    assert np.allclose(norms, [norm, 1.0])
PYTHON
