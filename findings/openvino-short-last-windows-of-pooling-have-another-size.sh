#!/usr/bin/env bash
# openvino 2026.4.1: the last, short window that `ceil_mode` adds is divided by another number than that of its values.
#
# AveragePool with `count_include_pad` divides by the window's length, also by places that lie beyond the padding: over 1 to
# 8, padded by one, three wide and two apart, the last window holds 8 and one padded 0, so 4; OpenVINO says 2.67. It is what
# `AvgPool2d(3, 2, 1, ceil_mode=True)` exports, and torch gives 4 as well. LpPool goes wrong the other way: it is made of a
# mean of those that are there, times the length, so 7 + 8 is 22.5. With `count_include_pad` 0, or a last window that is
# whole, it is right; onnxruntime always is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper

core = openvino.Core()


def pool(kind: str, length: int, pad: int, **options: int) -> tuple[list[float], list[float]]:
    """What OpenVINO and onnxruntime make of 1, 2, 3, ..., three wide and two apart."""
    node = helper.make_node(
        kind, ["x"], ["y"], kernel_shape=[3], strides=[2], pads=[pad, pad], ceil_mode=1, **options
    )
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, length))]
    graph = helper.make_graph([node], "pool", ends, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 3)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    values = np.arange(1, length + 1, dtype=np.float32).reshape(1, 1, length)
    content = model.SerializeToString()
    compiled = core.compile_model(core.read_model(content, b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = next(iter(compiled({"x": values}).values())), session.run(None, {"x": values})[0]
    return [round(float(each), 4) for each in found[0].ravel()], [round(float(each), 4) for each in found[1].ravel()]


print("openvino", openvino.__version__, "onnxruntime", onnxruntime.__version__)
for kind, length, pad, options, theirs, wanted in (
    ("AveragePool", 7, 1, {"count_include_pad": 1}, 4.3333, 4.3333),  # 6, 7 and a padded 0: whole
    ("AveragePool", 8, 1, {"count_include_pad": 0}, 8.0, 8.0),
    ("AveragePool", 8, 1, {"count_include_pad": 1}, 2.6667, 4.0),
    ("AveragePool", 8, 0, {"count_include_pad": 1}, 7.5, 7.5),
    ("LpPool", 7, 0, {"p": 1}, 18.0, 18.0),
    ("LpPool", 8, 0, {"p": 1}, 22.5, 15.0),
):
    found, runtime = pool(kind, length, pad, **options)
    print(f"{kind} over 1 to {length}, padded by {pad}, {options}: {found}, onnxruntime {runtime}")
    assert found[:-1] == runtime[:-1]
    assert (found[-1], runtime[-1]) == (theirs, wanted)
PYTHON
