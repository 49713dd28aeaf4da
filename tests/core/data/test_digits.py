"""The digits read from their file are those that scikit-learn gives."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from core.data import digits


def test_the_digits_are_scikit_learns() -> None:
    images, labels = digits.read_digits()
    own = load_digits()
    np.testing.assert_array_equal(images, own.images)
    np.testing.assert_array_equal(labels, own.target)
    assert (images.shape, labels.dtype) == ((1797, 8, 8), np.int64)


def test_where_their_file_has_moved_scikit_learn_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    direct = digits.read_digits()
    monkeypatch.setattr(digits, "_FILE", Path("elsewhere.csv.gz"))
    for ours, theirs in zip(direct, digits.read_digits(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
