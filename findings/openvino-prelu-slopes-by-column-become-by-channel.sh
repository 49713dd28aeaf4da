#!/usr/bin/env bash
# openvino 2026.4.1: PRelu slopes for the columns of an image are put on its channels, if there are equally many.
#
# ONNX lines the slopes up from the right, as in numpy, so a vector belongs to the last axis. OpenVINO's own PRelu takes
# a vector for one slope a channel (axis 1), and the vector of the ONNX model is handed over as it is: with as many
# columns as channels the slopes go to the wrong axis, with another number of columns the same model is right. So it is
# with three dimensions, as many features as time steps. No error and no warning. onnxruntime and onnx's reference
# evaluator are right.
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

generator = np.random.default_rng(0)


def make_model(shape: tuple[int, ...], slopes: np.ndarray) -> onnx.ModelProto:
    node = helper.make_node("PRelu", ["images", "slopes"], ["output"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "output")]
    graph = helper.make_graph([node], "prelu", ends[:1], ends[1:], [numpy_helper.from_array(slopes, "slopes")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


print(", ".join(f"{name} {version(name)}" for name in ("openvino", "onnx", "onnxruntime")))
wrong = []
for shape, slope_shape in (
    ((2, 4, 3, 4), (4,)),
    ((2, 4, 3, 5), (5,)),
    ((2, 4, 3, 4), (1, 1, 4)),
    ((2, 4, 3, 4), (4, 1, 1)),
    ((2, 6, 6), (6,)),
    ((2, 7, 6), (6,)),
):
    images = generator.normal(size=shape).astype(np.float32)
    slopes = generator.uniform(0.1, 3, size=slope_shape).astype(np.float32)
    model = make_model(shape, slopes)
    right = np.where(images < 0, images * slopes, images)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {"images": images})[0], right)
    assert np.allclose(ReferenceEvaluator(model).run(None, {"images": images})[0], right)
    core = openvino.Core()
    found = core.compile_model(core.read_model(io.BytesIO(model.SerializeToString())), "CPU")([images])[0]
    print(f"images {shape}, slopes {slope_shape}: openvino is off by {abs(found - right).max():.3f}")
    if not np.allclose(found, right, atol=0.05):
        by_channel = slopes.reshape(-1, *[1] * (len(shape) - 2))
        assert np.allclose(found, np.where(images < 0, images * by_channel, images), atol=0.05)
        wrong.append((shape, slope_shape))
assert wrong == [((2, 4, 3, 4), (4,)), ((2, 6, 6), (6,))]
PYTHON
