#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator's MaxPool loses a window where its output should be as long as asked for.
#
# Windows of three, one apart, with one padded on each side keep the length: 7 values become 7. With `ceil_mode`, which has
# nothing to round here, the evaluator gives 6 and leaves out the first; of 7 by 6 values it makes 9 by 8.
# `auto_pad` SAME_LOWER with steps of two has to give 4 of 7; the evaluator pads nothing and gives 3, where SAME_UPPER gives
# 4. The model's own shape inference and onnxruntime say what the specification says.
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


def pool(shape: tuple[int, ...], **options: object) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """What the evaluator and onnxruntime make of 1, 2, 3, ..., and the shape that is inferred."""
    values = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(1, 1, *shape)
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3] * len(shape), **options)
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, values.shape),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * values.ndim),
    ]
    graph = helper.make_graph([node], "pool", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = ReferenceEvaluator(model).run(None, {"x": values})[0], session.run(None, {"x": values})[0]
    return *(each[0, 0] for each in found), tuple(size.dim_value for size in inferred)[2:]


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
for shape, options, theirs in (
    ((7, 6), {"strides": [1, 1], "pads": [1, 1, 1, 1], "ceil_mode": 0}, (7, 6)),
    ((7,), {"strides": [1], "pads": [1, 1], "ceil_mode": 1}, (6,)),
    ((7, 6), {"strides": [1, 1], "pads": [1, 1, 1, 1], "ceil_mode": 1}, (9, 8)),
    ((7,), {"strides": [2], "auto_pad": "SAME_UPPER"}, (4,)),
    ((7,), {"strides": [2], "auto_pad": "SAME_LOWER"}, (3,)),
):
    reference, runtime, inferred = pool(shape, **options)
    print(f"{shape} {options}: evaluator {reference.shape}, onnxruntime {runtime.shape}, inferred {inferred}")
    assert runtime.shape == inferred
    assert reference.shape == theirs
    if len(shape) == 1:
        print("  ", reference.tolist(), "and", runtime.tolist())
        assert (reference.tolist() == runtime.tolist()) == (theirs == inferred)
PYTHON
