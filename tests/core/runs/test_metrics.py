"""What is read off a run's metrics."""

import numpy as np
import pandas as pd

from core.runs.metrics import best_epoch


def test_best_epoch_is_chosen_on_validation_accuracy_then_on_validation_loss() -> None:
    frame = pd.DataFrame({"epoch": [1, 2, 3], "val/accuracy": [0.5, 0.9, 0.9], "val/loss": [1.0, 0.4, 0.3]})
    assert best_epoch(frame) == 3
    assert best_epoch(frame.iloc[:0]) is None
    assert best_epoch(frame.assign(**{"val/accuracy": np.nan})) is None
