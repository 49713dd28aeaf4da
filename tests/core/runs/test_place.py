"""Where a run is trained is kept beside its spec, and read only where it is sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs import layout
from core.runs.place import leave_cluster, read_place, tell_moves, write_place


def test_what_a_run_asks_of_its_nodes_is_kept(tmp_path: Path) -> None:
    assert read_place(tmp_path) is None
    write_place(tmp_path, {"cpus": 2.0, "gpus": 0.0, "threads": 2})
    assert read_place(tmp_path) == {"cpus": 2.0, "gpus": 0.0, "threads": 2}
    leave_cluster(tmp_path)
    assert read_place(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"threads": "many"}', '{"threads": 0}', '{"moves": [{"node": 3}]}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / layout.PLACE).write_text(text)
    assert read_place(tmp_path) is None


def test_each_node_that_was_lost_is_told_with_where_it_went_on() -> None:
    moves = [
        {"node": "a", "reason": "was lost", "epoch": 0, "time": 1.0},
        {"node": "b", "reason": "was lost", "epoch": 7, "time": 2.0},
    ]
    assert tell_moves({"moves": moves}, "c") == [
        "a was lost in the first epoch: the training began again on b.",
        "b was lost: went on after epoch 7 on c.",
    ]
    assert tell_moves({}, "c") == []
