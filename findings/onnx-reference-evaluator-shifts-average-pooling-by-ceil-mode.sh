#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator's AveragePool and LpPool move all their windows where `ceil_mode` adds the last one.
#
# Over 1 to 7, with windows of three and steps of three, `ceil_mode` adds a window with the 7 alone: 2, 5, 7. The evaluator
# makes up for what is missing at both ends, so the first window begins before the input: 1.5, 4, 6, none of them right.
# Where one value is missing LpPool has its windows in place, but takes the short one for a part of a whole one: 7 + 8 is
# 22.5. MaxPool of the same shape is right, as is onnxruntime.
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

POOLS = {"AveragePool": np.mean, "LpPool": np.sum, "MaxPool": np.max}


def pool(kind: str, length: int, kernel: int, stride: int) -> tuple[list[float], ...]:
    """What the evaluator, onnxruntime and a plain loop make of 1, 2, 3, ..."""
    values = np.arange(1, length + 1, dtype=np.float32)
    wanted = [float(POOLS[kind](values[start : start + kernel])) for start in range(0, length - kernel + stride, stride)]
    options = {"p": 1} if kind == "LpPool" else {}
    node = helper.make_node(kind, ["x"], ["y"], kernel_shape=[kernel], strides=[stride], ceil_mode=1, **options)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 1, size))
        for name, size in (("x", length), ("y", len(wanted)))
    ]
    graph = helper.make_graph([node], "pool", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    feed = {"x": values.reshape(1, 1, length)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = ReferenceEvaluator(model).run(None, feed)[0], session.run(None, feed)[0]
    return *(each.ravel().tolist() for each in found), wanted


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
for kind in POOLS:
    for length, kernel, stride in ((7, 3, 3), (8, 3, 2)):
        reference, runtime, wanted = pool(kind, length, kernel, stride)
        print(f"{kind} over 1 to {length}, {kernel} wide, {stride} apart: evaluator {reference}, onnxruntime {runtime}")
        assert runtime == wanted
        match kind, length:
            case "AveragePool", 7:
                assert reference == [1.5, 4, 6]
            case "LpPool", 7:
                assert reference == [3, 12, 18]
            case "LpPool", 8:
                assert reference == [6, 12, 18, 22.5]
            case _:
                assert reference == wanted
PYTHON
