"""scikit-learn's digits, read from its own file: importing scikit-learn takes longer than an epoch of them."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

_FILE = Path("datasets", "data", "digits.csv.gz")


def read_digits() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Images (1797, 8, 8) from 0 to 16, and their classes (1797,)."""
    package = find_spec("sklearn")
    folders = package.submodule_search_locations if package else None
    path = Path(next(iter(folders or []), "")) / _FILE
    if not path.is_file():  # another version may keep it elsewhere
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.images, digits.target.astype(np.int64)
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")  # (1797, 65), the class last
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
