"""Curves of a family are one line that forks, and what a branch changed is named with its epoch."""

from __future__ import annotations

import numpy as np
import pytest

from core.compare.branches import find_starts, list_forks
from core.compare.curves import draw_curves
from core.compare.lines import CurveView
from core.compare.units import make_units
from tests.branched import make_branch
from tests.compared_runs import look, units_of
from tests.core.compare.drawn import traces_of, unpack
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_a_branch_is_drawn_from_the_epoch_at_which_it_left_its_parent() -> None:
    root = make_run(name="root")
    branch = make_branch(root, 3)
    units = units_of(root, branch)
    assert list(find_starts(units).values()) == [0, 3]
    drawing = draw_curves("accuracy", units, CurveView(training=False))
    traces = list(traces_of(drawing.figure).values())
    lines = [trace for trace in traces if trace["mode"].startswith("lines")]
    shown = [unpack(line["x"])[~np.isnan(unpack(line["y"]))].tolist() for line in lines]
    assert shown == [[1, 2, 3, 4, 5], [3, 4, 5]]
    (fork,) = [trace for trace in traces if trace.get("name") == "fork at epoch 3"]
    assert fork["x"] == [3]
    assert "Learning rate 0.003 → 0.01" in fork["hovertemplate"]


def test_alone_a_branch_is_drawn_whole() -> None:
    root = make_run(name="root")
    assert list(find_starts(units_of(make_branch(root, 3))).values()) == [0]


def test_what_runs_share_follows_from_their_lines() -> None:
    root = make_run(name="root")
    one = make_branch(root, 3, name="one")
    two = make_branch(one, 4, name="two")
    early = make_branch(one, 2, name="early")
    other = make_run(name="other")

    def starts(*runs: object) -> list[int]:
        return list(find_starts(make_units(look(*runs), fold=False)).values())  # type: ignore[arg-type]

    assert starts(root, one, two, early, other) == [0, 3, 4, 2, 0]
    assert starts(root, two) == [0, 3], "through a run that is not drawn"
    assert starts(root, early) == [0, 2]
    assert starts(one, root) == [0, 3], "in whichever order"
    assert starts(two, early) == [0, 2]


def test_weights_alone_begin_a_line_of_their_own() -> None:
    root = make_run(name="root")
    assert list(find_starts(units_of(root, make_branch(root, 3, record={"use": "weights"}))).values()) == [0, 0]


def test_a_branch_is_no_seed_of_a_run_with_the_same_spec() -> None:
    root = make_run(name="root")
    same, again = (make_branch(root, 3, name=name, settings=("train.epochs=5",)) for name in ("one", "two"))
    assert len(units_of(root, same, again)) == 3


def test_what_was_changed_is_named_with_its_epoch() -> None:
    root = make_run(name="root")
    units = units_of(root, make_branch(root, 3), make_branch(root, 2, name="plain", record={"changes": {}}))
    assert list_forks(units) == [
        "branch went on from root after epoch 3: Learning rate 0.003 → 0.01.",
        "plain went on from root after epoch 2: nothing changed.",
    ]
