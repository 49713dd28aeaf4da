"""Held-out images: in proportion, disjoint, and the same everywhere."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.splits import Sizes, count_parts, share_out, split, split_others
from core.data.store import DataError
from core.spec import DataSpec

counts_of_classes = st.lists(st.integers(1, 60), min_size=2, max_size=12).filter(lambda counts: max(counts) > 4)
shares = st.floats(0.01, 0.5)


@given(counts_of_classes, st.integers(0, 800))
def test_shares_are_proportional_to_less_than_one_image_and_add_up(counts: list[int], total: int) -> None:
    result = share_out(counts, total, counts)
    assert sum(result) == min(total, sum(counts))
    if total <= sum(counts):
        assert all(abs(got - total * n / sum(counts)) < 1 for got, n in zip(result, counts, strict=True))


@given(
    counts_of_classes,
    st.fixed_dictionaries(
        {
            "val_fraction": st.just(0.0) | shares,
            "test_fraction": shares,
            "split_seed": st.integers(0, 2**31 - 1),
            "max_train_images": st.integers(0, 300),
            "cap_held_out": st.booleans(),
        }
    ),
    st.lists(st.integers(0, 1), min_size=1, max_size=40),
    st.lists(st.integers(0, 1), min_size=1, max_size=40),
    st.tuples(st.booleans(), st.booleans()),
)
def test_every_split_is_stratified_disjoint_and_of_the_announced_size(
    counts: list[int], settings: dict[str, Any], val: list[int], test: list[int], own: tuple[bool, bool]
) -> None:
    spec = DataSpec(**settings)
    training = np.random.default_rng(spec.split_seed).permutation(np.repeat(np.arange(len(counts)), counts))
    own_val, own_test = (part if has else [] for part, has in zip((val, test), own, strict=True))
    labels = np.concatenate([training, own_val, own_test]).astype(np.int64)
    parts = split(spec, labels, len(counts), num_val=len(own_val), num_test=len(own_test))
    announced = count_parts(spec, counts, len(own_test) or None, len(own_val) or None)
    assert announced == Sizes(len(parts.train), len(parts.val), len(parts.test))
    joined = np.concatenate([parts.train, parts.val, parts.test])
    assert len(np.unique(joined)) == len(joined)
    assert len(parts.train)
    assert bool(len(parts.val)) == bool(own_val or spec.val_fraction)
    assert len(parts.test)
    if own_val:
        assert set(parts.val) <= set(range(len(training), len(training) + len(val)))
    if own_test:
        assert set(parts.test) <= set(range(len(labels) - len(test), len(labels)))
    whole = split(
        DataSpec(**settings | {"max_train_images": 0}),
        labels,
        len(counts),
        num_val=len(own_val),
        num_test=len(own_test),
    )
    assert sum(map(len, (whole.train, whole.val, whole.test))) == len(labels)
    assert np.bincount(labels[whole.train], minlength=len(counts)).all(), "a class has no training images left"
    if not own_val and min(counts) > 4:
        rest = np.bincount(labels[np.concatenate([whole.train, whole.val])], minlength=len(counts))
        held = np.bincount(labels[whole.val], minlength=len(counts))
        assert (np.abs(held - rest * len(whole.val) / rest.sum()) < 1).all()
    for part, all_of_it in ((parts.train, whole.train), (parts.val, whole.val), (parts.test, whole.test)):
        assert set(part) <= set(all_of_it)
        if spec.cap_held_out:
            share = len(parts.train) / len(whole.train)
            assert abs(len(part) - share * len(all_of_it)) <= 0.5 or len(part) == 1
    if not spec.cap_held_out:
        assert np.array_equal(parts.val, whole.val)
        assert np.array_equal(parts.test, whole.test)


def test_the_cap_leaves_the_held_out_images_as_they_were() -> None:
    labels = np.arange(500) % 10
    whole, capped = (split(DataSpec(max_train_images=cap), labels, 10, num_test=50) for cap in (0, 100))
    assert np.array_equal(whole.val, capped.val)
    assert set(capped.train) < set(whole.train)
    assert len(capped.train) == 100


def test_a_seed_gives_the_same_split_on_every_machine_and_with_every_release_of_numpy() -> None:
    parts = split(DataSpec(split_seed=7), np.arange(40) % 4, 4)
    assert parts.val.tolist() == [11, 22, 36]
    assert parts.test.tolist() == [6, 21, 23, 24, 32, 37]
    # As before validation images could be a set's own: test images that follow change nothing.
    assert split(DataSpec(split_seed=7), np.arange(44) % 4, 4, num_test=4).val.tolist() == [11, 22, 25, 36]


def test_a_cap_of_all_parts_keeps_their_proportions() -> None:
    cifar = {"counts": [5000] * 10, "num_test": 10_000}
    assert count_parts(DataSpec(max_train_images=400), **cifar) == Sizes(400, 5000, 10_000)
    assert count_parts(DataSpec(max_train_images=400, cap_held_out=True), **cifar) == Sizes(400, 44, 89)
    assert count_parts(DataSpec(cap_held_out=True), **cifar) == Sizes(45_000, 5000, 10_000)


def test_validation_images_of_its_own_leave_all_others_for_training() -> None:
    labels = np.arange(60) % 2
    parts = split(DataSpec(test_fraction=0.2), labels, 2, num_val=10)
    assert parts.val.tolist() == list(range(50, 60))
    assert (len(parts.train), len(parts.test)) == (40, 10)
    assert max(parts.test) < 50


def test_classes_of_one_image_are_never_held_out() -> None:
    with pytest.raises(DataError, match="too few images to hold some out"):
        count_parts(DataSpec(), [1, 1, 1], 3)


def test_images_that_are_gone_are_in_no_part_and_the_others_are_split_as_if_they_had_never_been() -> None:
    labels, gone = np.arange(60) % 2, np.array([3, 4, 41, 55])
    parts = split_others(DataSpec(), labels, 2, gone, num_test=10)
    left = np.setdiff1d(np.arange(60), gone)
    alone = split(DataSpec(), labels[left], 2, num_test=9)
    for name in ("train", "val", "test"):
        assert getattr(parts, name).tolist() == left[getattr(alone, name)].tolist()
    assert parts.test.min() >= 50


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [(range(50, 60), "leaves no test image"), (range(0, 50, 2), "leaves no image of the class 0 .* to train on")],
)
def test_a_part_or_class_that_is_gone_as_a_whole_is_told(gone: range, sentence: str) -> None:
    with pytest.raises(DataError, match=rf"data\.without {sentence}"):
        split_others(DataSpec(), np.arange(60) % 2, 2, np.array(gone), num_test=10)
