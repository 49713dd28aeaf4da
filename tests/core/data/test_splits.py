"""Held-out images: in proportion, disjoint, and the same everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.splits import Sizes, count_parts, share_out, split
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


@given(counts_of_classes, shares, shares, st.integers(0, 2**31 - 1), st.integers(0, 300), st.booleans())
def test_every_split_is_stratified_disjoint_and_of_the_announced_size(
    counts: list[int], val: float, test: float, seed: int, cap: int, has_test: bool
) -> None:
    spec = DataSpec(val_fraction=val, test_fraction=test, split_seed=seed, max_train_images=cap)
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = split(spec, labels, len(counts), has_test=has_test)
    joined = np.concatenate([parts.train, parts.val, parts.test])
    assert len(np.unique(joined)) == len(joined)
    assert bool(len(parts.test)) != has_test
    assert len(parts.val)
    own_test = 7 if has_test else None
    announced = count_parts(spec, counts, own_test)
    assert announced == Sizes(len(parts.train), len(parts.val), own_test or len(parts.test))
    if not cap:
        assert len(joined) == len(labels)
        assert np.bincount(labels[parts.train], minlength=len(counts)).all(), "a class has no training images left"
    rest = np.bincount(np.delete(labels, parts.test), minlength=len(counts))
    held = np.bincount(labels[parts.val], minlength=len(counts))
    if min(counts) > 4:
        assert (np.abs(held - rest * len(parts.val) / rest.sum()) < 1).all()
    again = split(spec, labels, len(counts), has_test=has_test)
    assert np.array_equal(parts.train, again.train)
    assert np.array_equal(parts.val, again.val)


def test_the_cap_leaves_the_held_out_images_as_they_were() -> None:
    labels = np.arange(500) % 10
    whole, capped = (split(DataSpec(max_train_images=cap), labels, 10, has_test=True) for cap in (0, 100))
    assert np.array_equal(whole.val, capped.val)
    assert set(capped.train) < set(whole.train)
    assert len(capped.train) == 100


def test_a_seed_gives_the_same_split_on_every_machine_and_with_every_release_of_numpy() -> None:
    parts = split(DataSpec(split_seed=7), np.arange(40) % 4, 4, has_test=False)
    assert parts.val.tolist() == [11, 22, 36]
    assert parts.test.tolist() == [6, 21, 23, 24, 32, 37]


def test_classes_of_one_image_are_never_held_out() -> None:
    with pytest.raises(DataError, match="too few images to hold some out"):
        count_parts(DataSpec(), [1, 1, 1], 3)
