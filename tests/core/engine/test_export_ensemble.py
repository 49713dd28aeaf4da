"""An ensemble's ONNX file answers by the mean of its members' probabilities, in a runtime that knows no torch."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from core.engine import checkpoint
from core.engine.data import load_data
from core.engine.export_ensemble import export_ensemble
from core.helper.questions import Member, QuestionError, WeightsFile
from core.stats.scores import softmax
from tests.core.engine.toy import make_spec, run

SPECS = [
    make_spec(epochs=1, batch_size=64),
    make_spec(model={"block": "preactivation", "attention": "se"}, epochs=1, batch_size=64, seed=1),
]


def train(spec, folder: Path) -> tuple[Member, np.ndarray]:
    data = load_data(spec.data)
    ends, finished = run(spec, data)
    path = folder / f"{spec.train.seed}-{spec.data.image_size}.safetensors"
    weights = WeightsFile(spec.model_dump_json(), str(path), checkpoint.save(ends[-1].state, path), "last")
    return Member(weights, data.mean, data.std), finished.predictions["val_last"].astype(float)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[list[Member], list[np.ndarray]]:
    folder = tmp_path_factory.mktemp("trained")
    members, logits = zip(*(train(spec, folder) for spec in SPECS), strict=True)
    return list(members), list(logits)


def test_onnxruntime_gives_the_mean_of_the_trainings_own_probabilities(trained, tmp_path: Path) -> None:
    members, logits = trained
    note = export_ensemble(members, {"runs": json.dumps(["a", "b"])}, str(tmp_path / "both.onnx"))
    assert "2 networks. Checked with onnxruntime against torch on" in note
    assert "validation images" in note
    images = load_data(SPECS[0].data).val.images.contiguous().numpy().astype(np.float32) / 255
    session = onnxruntime.InferenceSession(tmp_path / "both.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"images": images})
    np.testing.assert_allclose(found, (softmax(logits[0]) + softmax(logits[1])) / 2, atol=1e-4)
    model = onnx.load(tmp_path / "both.onnx")
    assert {prop.key: prop.value for prop in model.metadata_props} == {"runs": '["a", "b"]'}
    assert "the mean of several networks' softmax" in model.doc_string
    assert not any(node.doc_string for node in model.graph.node)


def test_networks_of_different_image_sizes_are_a_sentence_and_no_file(trained, tmp_path: Path) -> None:
    spec = make_spec(epochs=1, batch_size=64)
    larger = spec.model_copy(update={"data": spec.data.model_copy(update={"image_size": 16})})
    other, _ = train(larger, tmp_path)
    with pytest.raises(QuestionError, match=r"different sizes \(8 x 8 and 16 x 16\)"):
        export_ensemble([trained[0][0], other], {}, str(tmp_path / "x.onnx"))
    assert not (tmp_path / "x.onnx").exists()
