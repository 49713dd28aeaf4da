"""The Beta distribution as a table, from which MixUp and CutMix draw their shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

_QUANTILES = 4096


def quantile_table(alpha: float) -> npt.NDArray[np.float32]:
    """Quantiles of Beta(alpha, alpha), (4096,), evenly spaced in probability and rising."""
    levels = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    # Below a thousandth all but some shares in ten thousand are 0 or 1, and the function overflows in the end.
    alpha = max(alpha, 1e-3)
    return np.asarray(betaincinv(alpha, alpha, levels), np.float32)
