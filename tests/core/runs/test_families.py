"""A family is one tree, whatever order its runs are listed in and whoever is gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.runs.families import list_branches, list_family, order_tree, tell_branches, tell_parent
from core.runs.records import RunSummary


def make(name: str, parent: str = "", epoch: int = 0, use: str = "line") -> RunSummary:
    return RunSummary(name, f"run {name}", "finished", parent=parent, parent_name=f"run {parent}", parent_epoch=epoch,
                      parent_use=use if parent else "")  # fmt: skip


RUNS = [make("e"), make("d", "b", 4), make("c", "a", 2), make("b", "a", 3), make("a")]


def test_branches_are_below_their_parents_and_all_else_stays_in_order() -> None:
    assert [(run.id, depth) for run, depth in order_tree(RUNS)] == [("e", 0), ("a", 0), ("c", 1), ("b", 1), ("d", 2)]


def test_a_branch_whose_parent_is_not_shown_is_a_root() -> None:
    shown = [run for run in RUNS if run.id != "b"]
    assert [(run.id, depth) for run, depth in order_tree(shown)] == [("e", 0), ("d", 0), ("a", 0), ("c", 1)]


@given(parents=st.lists(st.integers(-1, 12), max_size=12))
def test_every_run_is_in_the_tree_once_whatever_the_records_say(parents: list[int]) -> None:
    runs = [make(str(index), "" if parent < 0 else str(parent)) for index, parent in enumerate(parents)]
    assert sorted(run.id for run, _ in order_tree(runs)) == sorted(run.id for run in runs)
    for run in runs:
        assert run.id in [member.id for member in list_family(run.id, runs)]


def test_branches_of_what_is_deleted_are_those_that_stay() -> None:
    assert [run.id for run in list_branches({"a"}, RUNS)] == ["c", "b"]
    assert [run.id for run in list_branches({"a", "b", "c"}, RUNS)] == ["d"]
    assert tell_branches(list_branches({"e"}, RUNS)) == ""
    told = tell_branches(list_branches({"b"}, RUNS))
    assert told.startswith("Branched off: run d. It stays whole and can go on")
    assert tell_branches(list_branches({"a"}, RUNS)).startswith("Branched off: run c, run b. They stay whole")


def test_a_family_is_told_from_its_root_whoever_asks() -> None:
    for asked in "abcd":
        assert [(each.id, each.depth) for each in list_family(asked, RUNS)] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert [each.id for each in list_family("e", RUNS)] == ["e"]
    assert list_family("gone", RUNS) == []


def test_a_root_that_is_gone_keeps_its_name_and_its_branches() -> None:
    left = [run for run in RUNS if run.id != "a"]
    family = list_family("d", left)
    assert [(each.id, each.name, each.depth, each.run is None) for each in family] == [
        ("a", "run a", 0, True),
        ("b", "run b", 1, False),
        ("d", "run d", 2, False),
        ("c", "run c", 1, False),
    ]


def test_a_parent_is_told_with_its_epoch() -> None:
    assert tell_parent(make("a")) == ""
    assert tell_parent(make("b", "a", 1200)) == "run a after epoch 1,200"
    assert tell_parent(make("b", "a", 3, "weights")) == "weights of run a after epoch 3"
