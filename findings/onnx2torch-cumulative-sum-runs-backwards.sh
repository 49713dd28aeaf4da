#!/usr/bin/env bash
# onnx2torch 1.5.15: a CumSum that says nothing of its direction is summed from the end.
#
# The attribute "reverse" is 0 unless it is given (ONNX, since operator set 11); the converter takes 1. PyTorch's own
# export does not give it, so torch.cumsum comes back as its mirror image: positions, schedules and cumulative
# probabilities start at the far end. With reverse=0 written down the same model is right. No warning. onnxruntime and
# onnx's reference evaluator are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx2torch==1.5.15 onnx==1.23.2 onnxruntime==1.32.0 torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import warnings
from importlib.metadata import version

import numpy as np
import onnx
import onnx2torch
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


class Sum(torch.nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(values, 1)


def make_model(**attributes: int) -> onnx.ModelProto:
    node = helper.make_node("CumSum", ["values", "axis"], ["sums"], **attributes)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 4)) for name in ("values", "sums")]
    graph = helper.make_graph([node], "sums", ends[:1], ends[1:], [numpy_helper.from_array(np.array(1), "axis")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def export() -> onnx.ModelProto:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter
        torch.onnx.export(Sum(), torch.zeros(2, 4), file, input_names=["values"], opset_version=14, dynamo=False)
    return onnx.load_from_string(file.getvalue())


print(", ".join(f"{name} {version(name)}" for name in ("onnx2torch", "onnx", "onnxruntime", "torch")))
values = np.array([[1, 2, 3, 4], [0, 1, 0, 0]], np.float32)
right, mirrored = values.cumsum(1), values[:, ::-1].cumsum(1)[:, ::-1]
for name, model, expected in (
    ("reverse not given", make_model(), mirrored),
    ("reverse=0", make_model(reverse=0), right),
    ("torch.cumsum, exported", export(), mirrored),
):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.array_equal(session.run(None, {"values": values})[0], right)
    assert np.array_equal(ReferenceEvaluator(model).run(None, {"values": values})[0], right)
    found = onnx2torch.convert(model)(torch.from_numpy(values)).numpy()
    print(f"{name:23} {found.tolist()}")
    assert np.array_equal(found, expected)
PYTHON
