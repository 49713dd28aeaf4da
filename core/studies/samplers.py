"""A study's settings as Optuna's samplers and distributions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import optuna
from optuna import samplers
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from core.studies.space import Dimension, Value, count_values
from core.studies.spec import Sampler, StudySpec


def make_distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choices:
        return CategoricalDistribution(dimension.choices)
    if dimension.kind == "int":
        low, high, step = *map(int, dimension.bounds), dimension.int_step
        # Optuna would warn of an end that no step reaches.
        return IntDistribution(low, low + (high - low) // step * step, log=dimension.log, step=step)
    start, end = dimension.bounds
    if values := dimension.values():
        return FloatDistribution(start, float(values[-1]), step=dimension.step)
    return FloatDistribution(start, end, log=dimension.log)


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
    if not SAMPLERS[study.sampler].shares_seed:
        seed = int(np.random.SeedSequence([study.seed, worker, trials]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental and, for HyperOpt's parameters, deprecated arguments
        return SAMPLERS[study.sampler].make(study, seed)


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
    """Points of the grid that the study searches, or None if it does not search a grid."""
    return count_values(study.space) if study.sampler == "grid" else None


@dataclass(frozen=True)
class SamplerEntry:
    """`make` takes a study and a seed."""

    label: str
    make: Callable[[StudySpec, int], samplers.BaseSampler]
    shares_seed: bool = False  # all workers walk through the same sequence


SAMPLERS: Mapping[Sampler, SamplerEntry] = {
    "tpe": SamplerEntry("TPE", lambda _, seed: samplers.TPESampler(seed=seed)),
    "hyperopt": SamplerEntry(
        "TPE as in HyperOpt", lambda _, seed: samplers.TPESampler(seed=seed, **_hyperopt_parameters())
    ),
    "gp": SamplerEntry(
        "Gaussian process", lambda _, seed: samplers.GPSampler(seed=seed, warn_independent_sampling=False)
    ),
    "cmaes": SamplerEntry("CMA-ES", lambda _, seed: samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)),
    "random": SamplerEntry("Random", lambda _, seed: samplers.RandomSampler(seed=seed)),
    "grid": SamplerEntry("Grid", lambda study, seed: samplers.GridSampler(grid_of(study), seed=seed), shares_seed=True),
    "qmc": SamplerEntry(
        "Quasi-Monte Carlo",
        lambda _, seed: samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False),
        shares_seed=True,
    ),
    "nsga2": SamplerEntry(
        "NSGA-II", lambda study, seed: samplers.NSGAIISampler(seed=seed, population_size=population_size(study))
    ),
}
