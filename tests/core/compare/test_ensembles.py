"""The mean of several runs' probabilities, held against plain numpy and scikit-learn."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, log_loss

from core.compare.ensembles import ENSEMBLE_ID, add_ensemble, find_ensemble
from core.compare.figures import BY_KEY, value_of
from core.compare.table import tell_unit
from core.compare.units import make_units
from core.compare.verdicts import NoPredictionsError, judge
from core.runs.folder import Run
from core.system import files
from tests.compared_runs import CLASSES, look, make_compared, right
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")

IMAGES = 400
LABELS = np.arange(IMAGES) % CLASSES


def make_member(seed: int, skill: float = 1.5, **options) -> Run:
    """A run that is right more often than not, each by its own noise; its logits are of different sizes."""
    run = make_compared(right(200, IMAGES), seed=seed, name=f"seed {seed}", **options)
    logits = np.random.default_rng(seed).normal(size=(IMAGES, CLASSES)) * (1 + seed / 4)
    logits[np.arange(IMAGES), LABELS] += skill
    for name, array in (("test_last", logits), ("test_best", -logits)):
        np.save(run.path / "predictions" / f"{name}.npy", array.astype(np.float32))
    return run


def read_chances(run: Run) -> np.ndarray:
    return softmax(np.load(run.path / "predictions" / "test_last.npy").astype(float), axis=1)


def expected_calibration_error(chances: np.ndarray) -> float:
    """Guo et al. 2017, image by image."""
    confidence, correct = chances.max(1), chances.argmax(1) == LABELS
    error = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return error


def test_its_figures_are_those_of_the_mean_probabilities() -> None:
    runs = [make_member(seed) for seed in range(3)]
    found = find_ensemble(look(*runs), "last")
    whole, *members = found.rows()
    mean = np.mean([read_chances(run) for run in runs], axis=0)
    for row, chances in zip([whole, *members], [mean, *map(read_chances, runs)], strict=True):
        assert row.accuracy.value == accuracy_score(LABELS, chances.argmax(1))
        assert row.loss == pytest.approx(log_loss(LABELS, chances), rel=1e-9)
        assert row.calibration_error == pytest.approx(expected_calibration_error(chances), rel=1e-9)
    assert whole.accuracy.value > max(row.accuracy.value for row in members)
    assert whole.parameters == 3 * members[0].parameters
    for run, (member, comparison, sentence) in zip(runs, found.verdicts(), strict=True):
        correct, own = mean.argmax(1) == LABELS, read_chances(run).argmax(1) == LABELS
        only, lost = int((correct & ~own).sum()), int((~correct & own).sum())
        assert member.id == run.id
        assert comparison.p_value == pytest.approx(binomtest(only, only + lost).pvalue)
        assert comparison.difference == pytest.approx((only - lost) / IMAGES)
        assert sentence.startswith("The ensemble is better by")


def test_the_budget_is_held_against_the_sum_of_parameters() -> None:
    found = find_ensemble(look(make_member(0), make_member(1)), "last")
    assert found.tell_budget(found.parameters).endswith(f"within the budget of {found.parameters:,}.")
    assert "1 over the budget of" in found.tell_budget(found.parameters - 1)


def test_runs_that_cannot_join_are_told_and_the_rest_answers() -> None:
    first, second = make_member(0), make_member(1)
    other_images = make_member(2, settings=["data.split_seed=1"])
    other_classes = make_member(3)
    named = {**other_classes.environment(), "class_names": [f"sort {number}" for number in range(CLASSES)]}
    files.write_json(other_classes.path / "environment.json", named)
    untested = make_run(name="untested")
    found = find_ensemble(look(first, second, other_images, other_classes, untested), "last")
    assert [run.id for run in found.members] == [first.id, second.id]
    assert "seed 2 was tested on other images than seed 0, so it cannot join." in found.remarks
    assert "seed 3 tells other classes apart than seed 0, so it cannot join." in found.remarks
    assert any(remark.startswith("untested has no test predictions") for remark in found.remarks)
    with pytest.raises(NoPredictionsError, match="needs two runs with test predictions"):
        find_ensemble(look(first, untested), "last")


def test_it_stands_among_the_compared_runs_with_figures_and_verdicts_of_its_own() -> None:
    runs = [make_member(seed) for seed in range(3)]
    compared, why = add_ensemble(look(*runs))
    assert why == ""
    base, *_, unit = make_units(compared, fold=False)
    found = find_ensemble(look(*runs), "last")
    assert unit.id == ENSEMBLE_ID
    assert unit.is_ensemble
    assert not base.is_ensemble
    assert tell_unit(unit) == "mean of their probabilities"
    assert value_of(unit.first, BY_KEY["test/accuracy"]) == found.rows()[0].accuracy.value
    assert value_of(unit.first, BY_KEY["parameters"]) == found.parameters
    assert value_of(unit.first, BY_KEY["val/accuracy"]) is None
    assert judge(unit, base, "last").comparison == found.verdicts()[0][1]
    assert add_ensemble(look(*runs))[0][-1] is compared[-1]
    folded = make_units(compared, fold=True)
    assert [len(each.runs) for each in folded] == [3, 1]
    alone, why = add_ensemble(look(runs[0]))
    assert (len(alone), "needs two runs" in why) == (1, True)
