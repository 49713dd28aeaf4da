"""A checkpoint is whole or not there, and is read only where its hash agrees; those of format 1 are still read."""

import errno
import hashlib
import os
import random
import resource
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from core.engine import checkpoint
from core.engine.checkpoint import CheckpointError
from core.system.tensor_file import FORMAT
from tests.core.engine.toy import make_data, make_spec, run


def make_state():
    weights = torch.randn(50, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    return {
        "format": FORMAT,
        "model": {"weight": weights.contiguous(memory_format=torch.channels_last)},
        "epoch": 3,
        "lowest_val_loss": float("inf"),
        "best": None,
        "gradients": [None, torch.zeros(3)],
    }


@contextmanager
def files_limited_to(num_bytes):
    """No file of this process may grow beyond this, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_loaded_is_what_was_saved(tmp_path):
    state = make_state()
    sha256 = checkpoint.save(state, tmp_path / "last.safetensors")
    loaded = checkpoint.load(tmp_path / "last.safetensors", sha256)
    assert torch.equal(loaded["model"]["weight"], state["model"]["weight"])
    assert torch.equal(loaded["gradients"][1], state["gradients"][1])
    assert loaded["gradients"][0] is None
    assert {k: loaded[k] for k in ("epoch", "lowest_val_loss", "best")} == {
        "epoch": 3,
        "lowest_val_loss": float("inf"),
        "best": None,
    }


@pytest.mark.parametrize("dtype", checkpoint._DTYPES, ids=str)
def test_tensors_of_every_kind_are_what_others_read(tmp_path, dtype):
    """By safetensors' own reader, whatever their order of memory; views and single numbers too."""
    numbers = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).to(dtype)
    kinds = [
        numbers,
        numbers.contiguous(memory_format=torch.channels_last),
        numbers.transpose(0, 3),
        numbers[1:, ::2],
        numbers.sum().to(dtype),
        numbers[:0],
        numbers[0].expand(5, 3, 4, 4),
    ]
    path = tmp_path / "last.safetensors"
    loaded = checkpoint.load(path, checkpoint.save({"format": FORMAT, "x": kinds, "odd": torch.zeros(3) == 0}, path))
    for number, kind in enumerate(kinds):
        for found in (loaded["x"][number], load_file(path)[f"x/{number}"]):
            assert found.dtype == dtype
            assert found.shape == kind.shape
            assert torch.equal(found, kind)


def test_numbers_that_are_none_keep_their_bits(tmp_path):
    bits = torch.tensor([0x7FC00000, 0x7F800001, -0x400000, -(2**31), 1, 0x7F800000], dtype=torch.int32)
    path = tmp_path / "last.safetensors"
    loaded = checkpoint.load(path, checkpoint.save({"format": FORMAT, "x": bits.view(torch.float32)}, path))
    assert torch.equal(loaded["x"].view(torch.int32), bits)


def test_what_is_loaded_does_not_need_the_file_any_more(tmp_path):
    path = tmp_path / "last.safetensors"
    loaded = checkpoint.load(path, checkpoint.save(make_state(), path))
    os.truncate(path, 0)
    assert torch.equal(loaded["model"]["weight"], make_state()["model"]["weight"])


def test_a_checkpoint_of_format_1_is_read_and_goes_on_as_ours_does(tmp_path):
    """As `torch.save` wrote it; `tests/core/runs/test_older_versions.py` has files of that version."""
    spec, data = make_spec(epochs=2, ema_decay=0.5), make_data()
    epochs, whole = run(spec, data)
    state, path = epochs[0].state, tmp_path / "epoch-00001.pt"
    torch.save(state | {"format": 1}, path)
    loaded = checkpoint.load(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert loaded["lowest_val_loss"] == state["lowest_val_loss"]
    again, end = run(spec, data, resume=loaded)
    ours = checkpoint.load(path, checkpoint.save(state, path))
    same, same_end = run(spec, data, resume=ours)
    for ends in (again, same):
        for name, weight in epochs[1].state["model"].items():
            assert torch.equal(weight, ends[-1].state["model"][name])
    assert end.metrics["test/loss"] == same_end.metrics["test/loss"] == whole.metrics["test/loss"]


def test_the_hash_returned_is_that_of_the_file(tmp_path):
    sha256 = checkpoint.save(make_state(), tmp_path / "last.safetensors")
    assert sha256 == hashlib.sha256((tmp_path / "last.safetensors").read_bytes()).hexdigest()


def test_saving_leaves_one_file(tmp_path):
    for _ in range(2):
        checkpoint.save(make_state(), tmp_path / "last.safetensors")
    assert os.listdir(tmp_path) == ["last.safetensors"]


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "last.safetensors"
    sha256 = checkpoint.save(make_state(), path)
    whole = path.read_bytes()
    draw = random.Random(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"last\.safetensors is damaged"):
            checkpoint.load(path, sha256)


def test_a_cut_file_is_noticed(tmp_path):
    path = tmp_path / "last.safetensors"
    sha256 = checkpoint.save(make_state(), path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load(path, sha256)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(CheckpointError, match=r"^The checkpoint last\.safetensors could not be read: no such file"):
        checkpoint.load(tmp_path / "last.safetensors", "0" * 64)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Shell:
        def __reduce__(self):
            return os.system, ("true",)

    path = tmp_path / "last.pt"
    torch.save({"model": Shell()}, path)
    with pytest.raises(CheckpointError, match="holds no training state"):
        checkpoint.load(path, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_state_of_another_version_is_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    sha256 = checkpoint.save(make_state() | {"format": 0}, path)
    with pytest.raises(CheckpointError, match="no training state that this version can read"):
        checkpoint.load(path, sha256)


@pytest.mark.parametrize("room", [0, 100, 5000])
def test_a_full_disk_keeps_the_former_checkpoint_and_leaves_nothing_half_written(tmp_path, room):
    path = tmp_path / "last.safetensors"
    sha256 = checkpoint.save(make_state() | {"epoch": 2}, path)
    with (
        files_limited_to(room),
        pytest.raises(CheckpointError, match=r"^The checkpoint last\.safetensors .* disk full"),
    ):
        checkpoint.save(make_state(), path)
    assert os.listdir(tmp_path) == ["last.safetensors"]
    assert checkpoint.load(path, sha256)["epoch"] == 2


def test_a_disk_that_fails_while_flushing_is_a_sentence_too(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CheckpointError, match="disk full"):
        checkpoint.save(make_state(), tmp_path / "last.safetensors")
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="could not be written: no such file or directory"):
        checkpoint.save(make_state(), tmp_path / "gone" / "last.safetensors")


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_exported_weights_are_those_that_were_evaluated(tmp_path, ema_decay):
    epochs, _ = run(make_spec(ema_decay=ema_decay, epochs=1), make_data())
    state = checkpoint.load(tmp_path / "c.safetensors", checkpoint.save(epochs[0].state, tmp_path / "c.safetensors"))
    last, best = checkpoint.weights_of(state), checkpoint.weights_of(state, "best")
    assert last.keys() == state["model"].keys()
    # After one epoch the best is the last.
    assert all(torch.equal(last[name], best[name]) for name in last)


def test_there_are_no_best_weights_before_the_first_epoch_ends():
    _, stopped = run(make_spec(), make_data(), should_stop=lambda: True)
    with pytest.raises(CheckpointError, match="No epoch has ended yet"):
        checkpoint.weights_of(stopped.state, "best")
