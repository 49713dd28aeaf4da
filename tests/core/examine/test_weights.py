"""Which weights a run has, and why some cannot be used."""

from pathlib import Path

import pytest

from core.examine import predictions
from core.examine.history import read_history
from core.examine.weights import ExamineError, explain_absent, find_weights, list_weights, name_file, require_sound
from core.runs.records import CheckpointFile
from tests.core.examine.made_weights import weights_of
from tests.examined import make_examined, make_unvalidated


def checkpoint(name: str, epoch: int, kind: str) -> CheckpointFile:
    return CheckpointFile(f"{name}.safetensors", Path(f"{name}.safetensors"), epoch, 1, "0" * 64, kind)  # type: ignore[arg-type]


def test_best_and_last_come_first_and_other_checkpoints_by_their_name(monkeypatch) -> None:
    run = make_examined()
    files = [checkpoint("epoch-00002", 2, "best"), checkpoint("epoch-00003", 3, "last"), checkpoint("x", 4, "last")]
    monkeypatch.setattr(type(run), "checkpoints", lambda self: files)
    found = {weights.key: (weights.epoch, weights.which) for weights in list_weights(run)}
    assert found == {"best": (2, "best"), "last": (4, "last"), "epoch-00003": (3, "last")}


def test_a_run_that_held_no_images_out_has_no_best_weights() -> None:
    run = make_unvalidated()
    assert [weights.key for weights in list_weights(run)] == ["last"]
    assert list(predictions.list_splits(run)) == ["test"]
    with pytest.raises(ExamineError, match="No images were held out"):
        predictions.read_stored(run, find_weights(run, "last"), "val")
    with pytest.raises(ExamineError, match="No images were held out"):
        read_history(run)
    assert "take the last ones" in explain_absent(run, "best")


def test_a_run_without_an_epoch_says_so() -> None:
    run = make_examined("stopped")
    with pytest.raises(ExamineError, match="no epoch of it has ended"):
        find_weights(run, "best")


def test_weights_whose_checkpoint_is_gone_can_be_looked_at_but_not_asked() -> None:
    run = make_examined()
    assert predictions.read_stored(run, weights_of(run), "val") is not None
    with pytest.raises(ExamineError, match="checkpoint of these weights is gone"):
        name_file(run, weights_of(run))


def test_a_spec_that_cannot_be_read_is_a_sentence() -> None:
    run = make_examined()
    (run.path / "spec.json").write_text("{")
    fresh = type(run)(run.path)
    with pytest.raises(ExamineError, match=r"spec\.json"):
        require_sound(fresh)
