"""What tests of a study's figures share."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState

from core.studies.points import Points
from tests.core.studies.charts.drawn import LOSSES, make_spec, make_trial, points_of


@pytest.fixture(scope="module")
def mixed() -> Points:
    """Five finished trials, then a pruned one below all of them and one that failed."""
    trials = [make_trial(index, [loss], curve=[2.0, loss]) for index, loss in enumerate(LOSSES)]
    trials.append(make_trial(5, [], TrialState.PRUNED, curve=[1.5, 0.3]))
    trials.append(make_trial(6, [], TrialState.FAIL, curve=[3.0]))
    return points_of(make_spec(), trials)
