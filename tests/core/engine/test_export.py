"""A network that leaves the lab answers as it did in it, whatever it is made of."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from safetensors import safe_open
from safetensors.torch import save

from core.data.store import DataError
from core.engine import checkpoint, export
from core.engine.augment import normalize
from core.engine.data import Data, load_data
from core.engine.examine import load_network
from core.engine.state import TrainState
from core.helper.questions import QuestionError, WeightsFile
from core.spec import RunSpec
from core.spec.fields import fields_of
from core.system.folders import PROJECT
from tests.core.engine.toy import make_spec

METADATA = {"run": "20260101-000000-000-abcdef", "checkpoint": "last", "epoch": "3", "class_names": '["zero", "one"]'}
LAYERS = [
    {"channels": 4, "blocks": 2, "filter_size": 5, "stride": 1},
    {"channels": 6, "blocks": 1, "skip_kernel": 3, "stride": 3},
]
# Together every choice of every field of a network.
NETWORKS = [
    {"activation": "relu", "attention": "none", "pool_kind": "average", "stem_filter": 5, "stochastic_depth": 0.3},
    {"activation": "silu", "attention": "se", "pool_kind": "max", "block": "preactivation", "layers": LAYERS},
    {"activation": "gelu", "attention": "eca", "pool_kind": "gem", "pool_size": 1, "dropout": 0.5, "head_scale": 0.1},
    {"activation": "leaky_relu", "attention": "cbam", "pool_kind": "gem", "block": "preactivation", "pool_size": 3},
    {"activation": "mish", "attention": "cbam", "attention_reduction": 2, "layers": LAYERS},
    {"block": "bottleneck", "expansion": 2, "attention": "se", "layers": LAYERS, "block_dropout": 0.5},
    {"stem": "whitening", "block": "single", "layer_start": "convolution", "downsampling": "max", "norm_scale": False},
    {"stem": "whitening", "block": "preactivation", "downsampling": "average", "head_bias": False, "pool_size": 1},
    {"norm": "group", "block": "preactivation", "downsampling": "max", "pool_size": 1},
    {"norm": "none", "block": "preactivation", "downsampling": "average", "attention": "eca", "pool_size": 1},
]


@dataclass(frozen=True)
class Saved:
    """A checkpoint on the disk and what it was made of."""

    weights: WeightsFile
    spec: RunSpec
    data: Data

    @property
    def scale(self) -> export.Scale:
        return self.data.mean, self.data.std

    def ask(self, images: torch.Tensor) -> np.ndarray:
        """torch's logits for (n, 3, s, s) bytes."""
        with torch.no_grad():
            return load_network(self.weights).model(normalize(images, *self.scale)).numpy()


def save_network(spec: RunSpec, folder: Path) -> Saved:
    """As if trained: normalisations that have seen images, and weights that are no longer those of the start."""
    data = load_data(spec.data)
    state = TrainState(spec, data, torch.device("cpu"))
    with torch.no_grad():
        for weight in state.model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
        state.model.train()
        state.model(normalize(data.train.images[:64], data.mean, data.std))
    sha256 = checkpoint.save(state.to_checkpoint(), folder / "last.safetensors")
    return Saved(WeightsFile(spec.model_dump_json(), str(folder / "last.safetensors"), sha256, "last"), spec, data)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return save_network(make_spec(), tmp_path_factory.mktemp("saved"))


class Written(NamedTuple):
    """An exported file's bytes and what is said of it."""

    content: bytes
    note: str


def write(
    export: Callable[..., str], weights: WeightsFile, metadata: dict[str, str], recorded: export.Scale | None
) -> Written:
    with tempfile.TemporaryDirectory() as folder:
        note = export(weights, metadata, recorded, f"{folder}/model")
        return Written((Path(folder) / "model").read_bytes(), note)


@pytest.fixture(scope="module")
def exported(saved: Saved) -> bytes:
    return write(export.export_onnx, saved.weights, METADATA, None).content


def run_onnx(content: bytes, images: torch.Tensor) -> np.ndarray:
    """What somebody does who knows only that the images are RGB from 0 to 1."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images.contiguous().numpy().astype(np.float32) / 255})[0]


# ONNX


def test_the_networks_tried_show_every_choice_that_a_spec_has() -> None:
    specs = [make_spec(model=model).model for model in NETWORKS]
    for field in fields_of("model"):
        if field.kind == "choice":
            assert {getattr(spec, field.name) for spec in specs} == set(field.choices), field.path


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: "-".join(map(str, list(model.values())[:2])))
def test_every_kind_of_network_leaves_as_onnx_and_answers_alike(model: dict, tmp_path: Path) -> None:
    saved = save_network(make_spec(model=model), tmp_path)
    exported = write(export.export_onnx, saved.weights, METADATA, None)
    for count in (1, 5):  # no number of images is built in
        images = saved.data.test.images[:count]
        np.testing.assert_allclose(run_onnx(exported.content, images), saved.ask(images), atol=2e-5)
    assert "on 153 validation images" in exported.note
    proto = onnx.load_from_string(exported.content)
    (used,) = proto.opset_import
    assert exported.note.startswith(f"Operator set {used.version}. ")
    samples = any(node.op_type == "Slice" for node in proto.graph.node)
    bare_norms = model.get("block") == "preactivation" or model.get("downsampling", "stride") != "stride"
    bare_norms = bare_norms and model.get("norm", "batch") == "batch"
    assert used.version == (15 if bare_norms else 10 if samples else 9)


@pytest.mark.parametrize("attention", ["se", "eca", "cbam"])
def test_attention_asks_for_no_shape(attention: str, tmp_path: Path) -> None:
    """Of shapes that are multiplied, OpenCV makes an error."""
    saved = save_network(make_spec(model={"attention": attention}), tmp_path)
    proto = onnx.load_from_string(write(export.export_onnx, saved.weights, METADATA, None).content)
    kinds = {node.op_type for node in proto.graph.node}
    assert "ReduceMean" in kinds
    assert "Shape" not in kinds


@pytest.mark.parametrize("model", [NETWORKS[0], NETWORKS[5]], ids=["convolution", "whitening"])
def test_a_network_of_grey_images_leaves_with_one_channel(model: dict, tmp_path: Path) -> None:
    saved = save_network(make_spec(model=model, data={"colour": "grey"}), tmp_path)
    images = saved.data.test.images[:5]
    exported = write(export.export_onnx, saved.weights, METADATA, None)
    np.testing.assert_allclose(run_onnx(exported.content, images), saved.ask(images), atol=2e-5)
    proto = onnx.load_from_string(exported.content)
    assert [place.dim_value for place in proto.graph.input[0].type.tensor_type.shape.dim[1:]] == [1, 8, 8]
    assert proto.doc_string.startswith("images: grey from 0 to 1, (batch, 1, size, size)")
    told = {**METADATA, "spec": saved.spec.model_dump_json()}
    loaded = export.load_safetensors(write(export.export_safetensors, saved.weights, told, None).content)
    assert (loaded.mean, loaded.std) == saved.scale
    assert loaded.mean is not None
    assert loaded.std is not None
    with torch.no_grad():
        found = loaded.model(normalize(images, loaded.mean, loaded.std)).numpy()
    np.testing.assert_allclose(found, saved.ask(images), atol=2e-6)
    noise = write(export.export_onnx, of_other_images(saved), METADATA, saved.scale)
    assert "images of noise" in noise.note


def of_other_images(saved: Saved) -> WeightsFile:
    """The same weights, of images that are not at hand."""
    data = saved.spec.data.model_copy(update={"split_seed": 99})
    return replace(saved.weights, spec_json=saved.spec.model_copy(update={"data": data}).model_dump_json())


def test_a_wider_network_needs_no_more_than_what_weights_apart_from_inputs_need(tmp_path: Path) -> None:
    layers = [{"channels": 8, "blocks": 1}, {"channels": 12, "blocks": 1}]
    saved = save_network(make_spec(model={"stem_channels": 8, "layers": layers, "activation": "gelu"}), tmp_path)
    exported = onnx.load_from_string(write(export.export_onnx, saved.weights, METADATA, None).content)
    assert exported.opset_import[0].version == 9
    assert [one.name for one in exported.graph.input] == ["images"]


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: "-".join(map(str, list(model.values())[:2])))
def test_another_runtime_of_onnx_answers_alike(model: dict, tmp_path: Path) -> None:
    saved = save_network(make_spec(model=model), tmp_path)
    content = write(export.export_onnx, saved.weights, METADATA, None).content
    images = saved.data.test.images[:3]
    pixels = images.contiguous().numpy().astype(np.float32) / 255
    (logits,) = ReferenceEvaluator(onnx.load_from_string(content)).run(None, {"images": pixels})
    np.testing.assert_allclose(logits, saved.ask(images), atol=2e-5)


def test_the_note_tells_the_largest_difference_on_real_images(saved: Saved, exported: bytes) -> None:
    images = saved.data.val.images
    found, expected = run_onnx(exported, images), saved.ask(images)
    told = export.compare(exported, load_network(saved.weights), images, saved.scale)
    assert told.images == len(images)
    assert told.logits == pytest.approx(np.abs(found - expected).max(), abs=1e-6)
    assert told.agreeing == (found.argmax(1) == expected.argmax(1)).sum() == len(images)


def test_an_onnx_file_that_computes_something_else_is_not_handed_out(saved: Saved, exported: bytes) -> None:
    other = onnx.load_from_string(exported)
    bias = next(tensor for tensor in other.graph.initializer if tensor.name == "network.linear.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(np.linspace(0, 3, 10, dtype=np.float32), bias.name))
    with pytest.raises(QuestionError, match=r"not kept: .* logits differ from torch's by up to [23]"):
        export.compare(other.SerializeToString(), load_network(saved.weights), saved.data.val.images, saved.scale)


def test_an_onnx_file_says_what_it_is_and_nothing_of_this_machine(saved: Saved, exported: bytes) -> None:
    model = onnx.load_from_string(exported)
    onnx.checker.check_model(model, full_check=True)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert {key: told[key] for key in METADATA} == METADATA
    assert json.loads(told["mean"]) == list(saved.data.mean)
    assert model.opset_import[0].version == export.find_opset(load_network(saved.weights)) == 10
    (images,), (logits,) = model.graph.input, model.graph.output
    sides = [[side.dim_param or side.dim_value for side in one.type.tensor_type.shape.dim] for one in (images, logits)]
    assert (images.name, logits.name, sides) == ("images", "logits", [["batch", 3, 8, 8], ["batch", 10]])
    assert str(PROJECT).encode() not in exported
    assert b"site-packages" not in exported


def test_without_its_images_a_network_is_checked_on_noise_and_says_so(saved: Saved, monkeypatch) -> None:
    def refuse(spec):
        raise DataError("The folder is gone.")

    monkeypatch.setattr(export, "load_kept", refuse)
    exported = write(export.export_onnx, saved.weights, METADATA, saved.scale)
    assert "on 256 images of noise" in exported.note
    assert exported.note.endswith("The folder is gone.")
    images = saved.data.test.images[:5]
    np.testing.assert_allclose(run_onnx(exported.content, images), saved.ask(images), atol=2e-5)
    with pytest.raises(QuestionError, match=r"mean and spread .* are not known: The folder is gone\."):
        write(export.export_onnx, saved.weights, METADATA, None)


def test_images_that_have_changed_are_not_taken_for_those_of_the_run(saved: Saved, monkeypatch) -> None:
    monkeypatch.setattr(export, "load_kept", lambda spec: replace(saved.data, fingerprint="other"))
    note = write(export.export_onnx, saved.weights, METADATA, saved.scale).note
    assert "images of noise" in note
    assert "no longer those of this run" in note


def test_weights_that_no_onnx_file_can_hold_are_refused_before_anything_is_made(saved: Saved, monkeypatch) -> None:
    monkeypatch.setattr(export, "_MAX_ONNX_BYTES", 1000)
    with pytest.raises(QuestionError, match="ONNX holds at most 2 GB in one file"):
        write(export.export_onnx, saved.weights, METADATA, saved.scale)


# safetensors


def test_safetensors_come_back_as_the_same_network(saved: Saved, tmp_path: Path) -> None:
    metadata = {**METADATA, "spec": saved.spec.model_dump_json()}
    exported = write(export.export_safetensors, saved.weights, metadata, None)
    path = tmp_path / "model.safetensors"
    path.write_bytes(exported.content)
    with safe_open(path, "pt") as file:  # as others read it
        assert {key: file.metadata()[key] for key in metadata} == metadata
    loaded = export.load_safetensors(path.read_bytes())
    assert (loaded.spec, loaded.mean, loaded.std) == (saved.spec, saved.data.mean, saved.data.std)
    assert loaded.class_names == ("zero", "one")
    images = saved.data.test.images
    with torch.no_grad():
        logits = loaded.model(normalize(images, loaded.mean, loaded.std)).numpy()
    np.testing.assert_array_equal(logits, saved.ask(images))


def test_safetensors_of_a_run_without_images_lack_only_what_they_told(saved: Saved, monkeypatch) -> None:
    monkeypatch.setattr(export, "load_kept", lambda spec: replace(saved.data, fingerprint="other"))
    exported = write(export.export_safetensors, saved.weights, {"spec": saved.spec.model_dump_json()}, None)
    assert "Without mean and spread" in exported.note
    assert export.load_safetensors(exported.content).mean is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 20, b"PK\3\4 not ours", save({"x": torch.zeros(1)}), save({"x": torch.zeros(1)}, {"spec": "{}"})],
)
def test_what_is_no_model_of_ours_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(QuestionError, match="no safetensors file of a ResNet Lab model"):
        export.load_safetensors(content)
