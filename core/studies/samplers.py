"""A study's settings as Optuna's samplers, pruners and distributions."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np
import optuna
from optuna import pruners, samplers
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from core.studies.space import Dimension, Value, count_values
from core.studies.spec import StudySpec

MIN_TRIALS = 5  # trials with a value at the same epoch, before the median of them prunes another
SHARED_SEED = {"grid", "qmc"}  # all workers walk through the same sequence


def make_distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choices:
        return CategoricalDistribution(dimension.choices)
    assert dimension.low is not None
    assert dimension.high is not None
    if dimension.kind == "int":
        low, high, step = int(dimension.low), int(dimension.high), dimension.int_step
        # Optuna would warn of an end that no step reaches.
        return IntDistribution(low, low + (high - low) // step * step, log=dimension.log, step=step)
    if dimension.step is not None:
        values = dimension.values()
        assert values is not None
        return FloatDistribution(dimension.low, float(values[-1]), step=dimension.step)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def suggest_values(trial: optuna.Trial, study: StudySpec) -> dict[str, Value]:
    """The sampler's values for a new trial, or those that it was queued with."""
    return {dimension.path: _suggest(trial, dimension.path, make_distribution(dimension)) for dimension in study.space}


def _suggest(trial: optuna.Trial, path: str, distribution: BaseDistribution) -> Value:
    match distribution:
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(path, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(path, low, high, step=step, log=log)
        case CategoricalDistribution(choices=choices):
            return cast(Value, trial.suggest_categorical(path, choices))
    raise TypeError(distribution)


def make_sampler(study: StudySpec, worker: int = 0, trials: int = 0) -> samplers.BaseSampler:
    """The study's sampler for one worker. The same seed, worker and number of trials so far give the same proposals;
    a worker that is started again must not repeat those it made before."""
    seed = study.seed
    if study.sampler not in SHARED_SEED:
        seed = int(np.random.SeedSequence([study.seed, worker, trials]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental and, for HyperOpt's parameters, deprecated arguments
        return _make_sampler(study, seed)


def _make_sampler(study: StudySpec, seed: int) -> samplers.BaseSampler:
    match study.sampler:
        case "tpe":
            return samplers.TPESampler(seed=seed)
        case "hyperopt":
            return samplers.TPESampler(seed=seed, **_hyperopt_parameters())
        case "gp":
            return samplers.GPSampler(seed=seed, warn_independent_sampling=False)
        case "cmaes":
            return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        case "random":
            return samplers.RandomSampler(seed=seed)
        case "grid":
            return samplers.GridSampler(grid_of(study), seed=seed)
        case "qmc":
            return samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
        case "nsga2":
            return samplers.NSGAIISampler(seed=seed, population_size=population_size(study))


def _hyperopt_parameters() -> dict[str, Any]:
    """HyperOpt's own defaults: each field by itself, 20 random trials first, its way to part good from bad."""
    parameters: dict[str, Any] = samplers.TPESampler.hyperopt_parameters()
    return {**parameters, "multivariate": False}


def population_size(study: StudySpec) -> int:
    """Optuna's 50 would leave a small study in its random first generation."""
    return max(4, min(50, study.trials // 5)) if study.trials else 20


def grid_of(study: StudySpec) -> dict[str, list[Value]]:
    return {dimension.path: list(dimension.values() or ()) for dimension in study.space}


def count_grid(study: StudySpec) -> int | None:
    """Points of the grid that the study walks through, or None where it walks through none."""
    return count_values(study.space) if study.sampler == "grid" else None


def make_pruner(study: StudySpec) -> pruners.BasePruner:
    """The study's pruner; it compares trials epoch by epoch, counted from 1."""
    warmup, epochs = study.pruner_warmup_epochs, most_epochs(study)
    match study.pruner:
        case "median":
            return pruners.MedianPruner(n_startup_trials=MIN_TRIALS, n_warmup_steps=warmup + 1, n_min_trials=MIN_TRIALS)
        case "hyperband":
            return pruners.HyperbandPruner(min_resource=max(1, warmup), max_resource=max(epochs, warmup + 1))
        case "halving":
            return pruners.SuccessiveHalvingPruner(min_resource=max(1, warmup))
        case "patient":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # called experimental
                return pruners.PatientPruner(None, patience=max(1, warmup))
        case "none":
            return pruners.NopPruner()


def most_epochs(study: StudySpec) -> int:
    """Epochs of the longest training in the space."""
    for dimension in study.space:
        if dimension.path == "train.epochs":
            counts = [value for value in (*dimension.choices, dimension.high) if isinstance(value, int | float)]
            return int(max(counts))
    return study.base.train.epochs
