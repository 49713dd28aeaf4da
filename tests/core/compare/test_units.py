"""Runs that differ only in their seed are one unit, and runs on other images are named."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare.figures import BY_KEY, summary_of
from core.compare.units import find_mismatches, put_first
from core.compare.verdicts import judge
from core.system import files
from tests.compared_runs import make_compared, right, units_of
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_runs_fold_where_only_the_seed_differs() -> None:
    runs = [make_compared(None, seed=seed, name=f"wide, seed {seed}") for seed in (0, 1, 2)]
    other = make_compared(None, settings=["train.learning_rate=0.01"], name="fast")
    units = units_of(*runs, other)
    assert [(unit.name, len(unit.runs)) for unit in units] == [("wide", 3), ("fast", 1)]
    assert [unit.name for unit in units_of(*runs, other, fold=False)] == [run.about.name for run in (*runs, other)]
    # Colour and place are those of the smallest seed, whatever the order.
    assert units_of(*reversed(runs))[0].id == runs[0].id


def test_equal_specs_on_other_images_do_not_fold() -> None:
    runs = [make_compared(None, seed=seed) for seed in (0, 1)]
    for run, fingerprint in zip(runs, ("a", "b"), strict=True):
        files.write_json(run.path / "environment.json", {"data_fingerprint": fingerprint}, sync=False)
    assert len(units_of(*runs)) == 2


def test_a_repeated_seed_counts_once_and_it_is_said() -> None:
    images = 200
    twice = [make_compared(right(150, images), seed=0, name="a seed 0") for _ in range(2)]
    other = make_compared(right(140, images), seed=1, name="a seed 1")
    baseline = make_compared(right(100, images, 1), settings=["train.epochs=4"], name="b")
    base, unit = units_of(baseline, *twice, other)
    summary = summary_of(unit, BY_KEY["test/accuracy"])
    assert summary is not None
    assert (summary.n, summary.mean) == (2, pytest.approx(0.725))
    assert any("repeats a seed" in remark for remark in judge(unit, base, "last").remarks)


@pytest.mark.parametrize(
    ("names", "group"),
    [
        (["a <b>x</b> seed 1", "a <b>x</b> seed 2"], "a <b>x</b>"),
        (["one", "two"], "one and 1 more"),
        (["seed 0", "seed 1"], "seed 0 and 1 more"),
    ],
)
def test_a_group_is_called_by_what_its_names_share(names: list[str], group: str) -> None:
    assert units_of(*(make_compared(None, seed=seed, name=name) for seed, name in enumerate(names)))[0].name == group


def test_units_of_the_same_name_are_told_apart() -> None:
    units = units_of(make_run(name="x"), make_run(name="x", settings=("train.epochs=7",)))
    assert units[0].name != units[1].name


@given(st.lists(st.integers(), unique=True), st.data())
def test_any_unit_can_be_made_the_baseline(numbers: list[int], data: st.DataObject) -> None:
    ids = list(map(str, numbers))
    chosen = data.draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
    ordered = put_first(ids, chosen)
    assert sorted(ordered) == sorted(ids)
    assert set(ordered[: len(chosen)]) == set(chosen)


def test_a_cap_that_holds_for_the_test_images_too_is_another_test() -> None:
    base = make_compared(None, name="base", settings=["data.max_train_images=100"])
    capped = make_compared(None, name="capped", settings=["data.max_train_images=100", "data.cap_held_out=true"])
    (sentence,) = find_mismatches(units_of(base, capped))
    assert re.match("capped: other test and validation images", sentence)
    switch = make_compared(None, name="switch", settings=["data.cap_held_out=true"])  # without a cap, without effect
    assert find_mismatches(units_of(make_compared(None, name="plain"), switch)) == []


def test_other_data_and_other_splits_are_named() -> None:
    base = make_compared(None, name="base")
    other_split = make_compared(None, name="moved", settings=["data.split_seed=1"])
    other_share = make_compared(None, name="share", settings=["data.val_fraction=0.2"])
    photographs = make_run(name="photos", preset="report", settings=("train.epochs=5",))
    capped = make_compared(None, name="capped", settings=["data.max_train_images=100"])
    sentences = find_mismatches(units_of(base, other_split, other_share, photographs, capped))
    assert len(sentences) == 3
    assert re.match("moved: other test and validation images", sentences[0])
    assert re.match("share: other validation images", sentences[1])
    assert re.match(r"photos: another data set .*CIFAR-10 instead of Digits", sentences[2])
