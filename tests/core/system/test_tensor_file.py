"""A training state as JSON and tensors by name, and the header of its file, without torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.system import tensor_file
from core.system.safe_zip import CheckpointFileError
from core.system.tensor_file import FORMAT, STATE, check_file, fold, read_file, unfold
from tests.bundles import write_checkpoint


def is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def test_a_state_comes_back_with_its_tensors_by_name() -> None:
    weight, step = np.zeros(3), np.array(7)
    state = {"model": {"stem.0.weight": weight}, "optimizer": {0: {"step": step}}, "done": [0.1, 2], "best": None}
    tensors: dict[str, Any] = {}
    folded = json.loads(json.dumps(fold(state, is_array, tensors), allow_nan=False))
    assert list(tensors) == ["model/stem.0.weight", "optimizer/0/step"]
    found = unfold(folded, tensors.pop)
    assert found == state
    assert found["model"]["stem.0.weight"] is weight
    assert not tensors


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, 2**70, "ä\ud800"]
)
def test_numbers_and_texts_come_back_to_the_last_bit(value: Any) -> None:
    found = unfold(json.loads(json.dumps(fold([value], is_array, {}), allow_nan=False)), {}.pop)
    assert repr(found) == repr([value])


def test_a_number_that_is_none_comes_back_as_one() -> None:
    assert math.isnan(unfold(fold(math.nan, is_array, {}), {}.pop))


def test_keys_that_look_like_our_own_marks_are_only_keys() -> None:
    state = {"$tensor": True, "$number": "inf", "$items": [[1, 2]]}
    assert unfold(json.loads(json.dumps(fold(state, is_array, {}))), {}.pop) == state


def test_two_tensors_of_one_name_are_not_written() -> None:
    with pytest.raises(ValueError, match="two tensors of a training state are named a/b"):
        fold({"a/b": np.zeros(1), "a": {"b": np.zeros(1)}}, is_array, {})


def test_only_the_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    path.write_bytes(write_checkpoint())
    assert read_file(path) == ({"format": FORMAT, "epoch": 3, "weight": {"$tensor": True}}, ["weight"])
    check_file(path)


def test_a_tensor_is_used_once_however_often_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    twice = {"format": FORMAT, "weight": {"$tensor": True}, "": {"weight": {"$tensor": True}}}
    path.write_bytes(write_checkpoint(twice))
    with pytest.raises(CheckpointFileError, match=r"^holds no training state$"):
        check_file(path)


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_HEADER_BYTES", 10), ("MAX_STATE_BYTES", 10), ("MAX_PARTS", 1), ("MAX_TENSORS", 0)]
)
def test_more_than_any_network_has_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    path = tmp_path / "last.safetensors"
    path.write_bytes(write_checkpoint())
    monkeypatch.setattr(tensor_file, limit, value)
    with pytest.raises(CheckpointFileError, match=r"^holds no training state$"):
        read_file(path)


def test_the_deepest_network_is_within_the_limits() -> None:
    """Twelve layers of 64 blocks, each with squeeze-and-excitation and a skip convolution, in six copies."""
    weights = ["conv1.weight", "conv2.weight", "squeeze.weight", "excite.weight", "skip.0.weight", "skip.1.num_batches"]
    weights += [f"{norm}.{name}" for norm in ("norm1", "norm2", "skip.1") for name in ("weight", "bias", "mean", "var")]
    names = [f"layers.{layer}.{block}.{name}" for layer in range(12) for block in range(64) for name in weights]
    copies = {which: dict.fromkeys(names, np.zeros(1)) for which in ("model", "ema", "lookahead", "best")}
    moments = {index: {"exp_avg": np.zeros(1), "exp_avg_sq": np.zeros(1)} for index in range(len(names))}
    tensors: dict[str, Any] = {}
    text = json.dumps(fold({**copies, "optimizer": moments}, is_array, tensors), separators=(",", ":"))
    entry = {"dtype": "F32", "shape": [4096, 4096, 15, 15], "data_offsets": [10**10, 10**10]}
    header = json.dumps({"__metadata__": {STATE: text}, **dict.fromkeys(tensors, entry)}, separators=(",", ":"))
    assert len(tensors) < tensor_file.MAX_TENSORS
    assert text.count("[") + text.count("{") < tensor_file.MAX_PARTS
    assert len(text) < tensor_file.MAX_STATE_BYTES
    assert len(header) < tensor_file.MAX_HEADER_BYTES
    assert header.count("[") < 3 * tensor_file.MAX_TENSORS
