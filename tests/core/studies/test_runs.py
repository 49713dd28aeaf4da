"""Runs become trials where they stand in the study's space."""

from pathlib import Path

import pytest

from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.parse import SpecError
from core.studies.manage import enqueue, find_compatible, join_runs
from core.studies.spec import propose
from core.studies.trials import count_trials
from tests.core.studies.made_studies import make
from tests.core.study_workers import LEARNING_RATE, tiny_study, write_ended_run
from tests.made_runs import create_run


def finished_run(spec: RunSpec, losses: tuple[float, ...] = (0.9, 0.7, 0.8)) -> str:
    run_id = create_run(spec)
    write_ended_run(open_run(run_id).path, losses)
    return run_id


def test_runs_that_stand_in_the_space_join_once_with_all_their_epochs(lab: Path) -> None:
    channels = {"path": "model.layers[*].channels", "low": 2, "high": 16}
    study = make(tiny_study(LEARNING_RATE, channels, trials=3))
    good = [finished_run(propose(study.spec, {"train.learning_rate": rate, "train.seed": 7})) for rate in (0.01, 0.02)]
    outside = finished_run(propose(study.spec, {"train.learning_rate": 0.5}))
    other = finished_run(propose(study.spec, {"train.epochs": 2}))
    unfinished = create_run(study.spec.base)
    assert {summary.id for summary in find_compatible("tiny")} == set(good)
    assert join_runs("tiny", [*good, outside, other, unfinished]) == 2
    assert join_runs("tiny", good) == 0
    assert find_compatible("tiny") == []

    trials = study.trials()
    assert trials.state.tolist() == ["finished"] * 2
    assert trials.value.tolist() == [0.7, 0.7]
    assert trials.run_id.tolist() == good
    assert trials["params.train.learning_rate"].tolist() == [0.01, 0.02]
    assert study.frozen_trials()[0].intermediate_values == {1: 0.9, 2: 0.7, 3: 0.8}
    assert count_trials("tiny", study.frozen_trials()).taken == 0, "they come on top of the study's own trials"
    for run_id, reason in (
        (outside, "outside of the study's space"),
        (other, "train.epochs"),
        (unfinished, "only finished"),
    ):
        with pytest.raises(SpecError, match=reason):
            join_runs("tiny", [run_id])


def test_a_spec_from_the_form_becomes_the_next_trial_if_it_belongs_to_the_space(lab: Path) -> None:
    study = make()
    enqueue("tiny", propose(study.spec, {"train.learning_rate": 0.02}))
    assert study.trials().loc[0, ["state", "params.train.learning_rate"]].tolist() == ["waiting", 0.02]
    with pytest.raises(SpecError, match=r"train\.learning_rate = 0\.5: is outside of the study's space"):
        enqueue("tiny", propose(study.spec, {"train.learning_rate": 0.5}))
    with pytest.raises(SpecError, match=r"train\.epochs = 9: is 1 in the study, which does not search it"):
        enqueue("tiny", propose(study.spec, {"train.epochs": 9}))
    assert len(study.trials()) == 1
