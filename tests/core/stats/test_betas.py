"""Shares of MixUp and CutMix are drawn from the true Beta distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.stats.betas import quantile_table


@given(st.floats(1e-6, 100))
def test_quantiles_rise_within_0_and_1_and_are_symmetric(alpha: float) -> None:
    table = quantile_table(alpha)
    assert table.shape == (4096,)
    assert (np.diff(table) >= 0).all()
    assert table[0] >= 0
    assert table[-1] <= 1
    np.testing.assert_allclose(table + table[::-1], 1, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_quantiles_are_those_of_scipy(alpha: float) -> None:
    table = quantile_table(alpha).astype(np.float64)
    levels = (np.arange(4096) + 0.5) / 4096
    np.testing.assert_allclose(table, stats.beta(alpha, alpha).ppf(levels), atol=1e-6)
    assert table.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=1e-2)
