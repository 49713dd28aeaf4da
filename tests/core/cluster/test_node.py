"""What a node does with a task, without any network: the events of a training here, with states as bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.cluster import node
from core.cluster.events import BLOB, Arrived, Failed, Line, Need, Opened, Task, Told
from core.cluster.node import Packer, Trainer, unpack_blob
from core.engine import checkpoint
from core.engine.data import load_data
from core.engine.events import EpochEnd, Finished, Progress, Started, Stopped
from core.engine.train import train
from core.machine.versions import describe_versions
from core.spec import RunSpec
from tests.core.cluster.test_images import folder_spec
from tests.core.same_result import assert_same
from tests.core.workers import tiny_spec

LINE = Line("address", "run", Need(1.0, 0.0, 1), "lab-0", {})


def follow(spec: RunSpec, state: bytes | None = None) -> list[Any]:
    return list(Trainer(LINE).train(Task(spec.model_dump_json(), state), "id-1"))


def states_of(items: list[Any]) -> dict[int, bytes]:
    """The bytes of each epoch's state."""
    return {
        item.event.epoch: item.event.state[BLOB]
        for item in items
        if isinstance(item, Told) and isinstance(item.event, EpochEnd)
    }


def test_a_node_tells_where_it_is_what_it_opened_and_then_the_events() -> None:
    spec = tiny_spec(epochs=2)
    items = follow(spec)
    assert isinstance(items[0], Arrived)
    assert (items[0].node, items[0].device) == ("id-1", "cpu")
    assert isinstance(items[1], Opened)
    assert items[1].counts == {}
    told = [item for item in items[2:] if not isinstance(item.event, Progress)]
    assert [type(item.event) for item in told] == [Started, EpochEnd, EpochEnd, Finished]
    assert told[0].environment["data_fingerprint"] == load_data(spec.data).fingerprint
    assert "system/cpu_percent" in told[1].use


def test_a_state_of_bytes_goes_on_bit_for_bit() -> None:
    spec = tiny_spec(epochs=3)
    whole = states_of(follow(spec))
    rest = follow(spec, whole[1])
    assert rest[1].counts["step"] == unpack_blob(whole[1])["step"]
    assert set(states_of(rest)) == {2, 3}
    last = next(
        event for event in train(spec, load_data(spec.data)) if getattr(event, "epoch", 0) == 3 and event.metrics
    )
    for found in (whole[3], states_of(rest)[3]):
        assert_same(unpack_blob(found)["model"], last.state["model"])


def test_a_failure_is_told_as_a_sentence_with_its_kind(tmp_path: Path) -> None:
    items = follow(folder_spec(tmp_path / "nowhere"))
    assert [type(item) for item in items] == [Arrived, Failed]
    assert (items[-1].kind, items[-1].details) == ("data", "")
    assert "nowhere" in items[-1].reason


def test_a_node_whose_code_was_changed_since_it_joined_trains_nothing_and_tells_both_versions() -> None:
    line = replace(LINE, versions={**describe_versions(), "lab": "0" * 12})
    items = list(Trainer(line).train(Task(tiny_spec().model_dump_json()), "id-1"))
    assert isinstance(items[-1], Failed)
    assert items[-1].kind == "versions"
    assert f"lab code {describe_versions()['lab']} there, {'0' * 12} here" in items[-1].reason


def test_damaged_bytes_are_a_failure_not_a_training_from_the_start() -> None:
    items = follow(tiny_spec(), b"no checkpoint")
    assert isinstance(items[-1], Failed)
    assert items[-1].kind == "checkpoint"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Packer:
    """Every state is large, and the last one went a moment ago."""
    monkeypatch.setattr(node, "LARGE_BYTES", 1)
    packer = Packer(tiny_spec(epochs=5, keep_every=4))
    packer.pack(make_end(1))
    return packer


def make_end(epoch: int) -> EpochEnd:
    state = {
        "format": checkpoint.FORMAT,
        "stale_epochs": 0,
        "step": epoch,
        "seconds": 1.0,
        "plateau": {"reductions": 0},
    }
    return EpochEnd(epoch, {"val/accuracy": 0.5}, None, is_best=True, state=state)  # type: ignore[arg-type]


def test_large_states_stay_but_for_the_last_those_kept_and_that_of_a_stop(large: Packer) -> None:
    went = {epoch: bool(large.pack(make_end(epoch)).state) for epoch in (2, 3, 4, 5)}
    assert went == {2: False, 3: False, 4: True, 5: True}
    assert BLOB in large.pack(Stopped(make_end(5).state)).state


def test_a_large_state_goes_again_after_a_while(large: Packer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not large.pack(make_end(2)).state
    large.sent -= node.STATE_SECONDS
    assert large.pack(make_end(3)).state


def test_what_a_large_state_may_be_the_last_of_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "LARGE_BYTES", 1)
    packer = Packer(tiny_spec(epochs=5, early_stop_patience=2))
    packer.pack(make_end(1))
    stale = make_end(2)
    assert not packer.pack(stale).state
    assert packer.pack(replace(stale, state={**stale.state, "stale_epochs": 2})).state


def test_no_temporary_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    states = states_of(follow(tiny_spec(epochs=1)))
    assert unpack_blob(states[1])["epoch"] == 1
    assert list(tmp_path.iterdir()) == []
