"""What a study is: a base spec, the space around it, and how Optuna searches it; checked once, then frozen."""

from __future__ import annotations

import difflib
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from core.spec import RunSpec, Strict, TrainSpec
from core.spec.cost import DEFAULT_BUDGET, cost_of
from core.spec.parse import MAX_PROBLEMS, FieldProblem, SpecError, explain, parse_model
from core.spec.presets import PRESETS
from core.studies.objectives import OBJECTIVES, VALIDATED, Objective
from core.studies.space import Dimension, Value, check_space, count_values, propose_values

Sampler = Literal["tpe", "hyperopt", "gp", "cmaes", "random", "grid", "qmc", "nsga2"]
Pruner = Literal["median", "hyperband", "halving", "patient", "forecast", "none"]

MAX_GRID = 100_000
MAX_TRIALS = 100_000
MAX_WORKERS = 64
MAX_DIMENSIONS = 100
SAMPLES = 256  # networks that describe a space too large to enumerate


class StudySpec(Strict):
    """Everything that decides how a study searches; `trials` counts trained networks, not those that are over budget.

    A trial's value is the lowest validation loss, or the highest validation accuracy, of its epochs.
    """

    version: Literal[1] = 1
    base: RunSpec = Field(default_factory=RunSpec)
    space: Annotated[tuple[Dimension, ...], Field(strict=False)] = Field((), max_length=MAX_DIMENSIONS)
    sampler: Sampler = "tpe"
    pruner: Pruner = "median"
    pruner_warmup_epochs: int = Field(0, ge=0, le=10_000)  # by default what fits the schedule: see `fill_defaults`
    objectives: Annotated[tuple[Objective, ...], Field(strict=False)] = Field(("val/loss",), min_length=1)
    trials: int = Field(20, ge=0, le=MAX_TRIALS)  # 0: only the time limit
    minutes: float = Field(0.0, ge=0, le=1_000_000)  # 0: no limit
    workers: int = Field(1, ge=1, le=MAX_WORKERS)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    budget: int = Field(DEFAULT_BUDGET, ge=0, le=10**9)  # parameters at most; 0: any number

    @model_validator(mode="before")
    @classmethod
    def fill_defaults(cls, data: Any) -> Any:
        """A study that names no pruner has none with several objectives; one without a warm-up gets one that fits."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        objectives = data.get("objectives")
        if "pruner" not in data and isinstance(objectives, list | tuple) and not _can_prune(objectives):
            data["pruner"] = "none"
        if "pruner_warmup_epochs" not in data:
            base = data.get("base", {})
            train = base.get("train", {}) if isinstance(base, dict) else getattr(base, "train", {})
            with suppress(ValidationError):  # reported at the base's own fields
                fitting = fitting_warmup(TrainSpec.model_validate(train), data.get("pruner", "median"))
                data["pruner_warmup_epochs"] = fitting
        return data

    @model_validator(mode="after")
    def check_together(self) -> Self:
        """Raises SpecError, which holds every problem with its field; pydantic hands it on inside its own error."""
        problems = check_space(self.base, self.space) or _check_sampler(self)
        problems += _check_objectives(self)
        if self.trials == 0 and self.minutes == 0:
            problems.append(FieldProblem("trials", "a study needs a number of trials or a time limit", 0))
        if problems:
            raise SpecError(problems)
        return self

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        return ["maximize" if OBJECTIVES[objective].is_maximized else "minimize" for objective in self.objectives]

    @property
    def can_be_infeasible(self) -> bool:
        """Whether some networks of the space may be over budget or impossible."""
        return any(dimension.shapes_network for dimension in self.space)


def _can_prune(objectives: Sequence[Any]) -> bool:
    return len(objectives) == 1 and objectives[0] in VALIDATED


def _check_sampler(study: StudySpec) -> list[FieldProblem]:
    if study.sampler == "grid":
        endless = [index for index, dimension in enumerate(study.space) if dimension.values() is None]
        if endless:
            message = "a grid needs a step here, or choices: the range is continuous"
            return [FieldProblem(f"space[{index}].step", message, missing=True) for index in endless]
        count = count_values(study.space) or 0
        if count > MAX_GRID:
            return [FieldProblem("space", f"makes a grid of {count:,} points; at most {MAX_GRID:,}", missing=True)]
    if study.sampler == "cmaes":
        if len(study.objectives) > 1:
            return [FieldProblem("sampler", "CMA-ES takes one objective; NSGA-II and TPE take several", "cmaes")]
        ranges = sum(not dimension.choices for dimension in study.space)
        if ranges < 2:
            message = f"CMA-ES needs at least two ranges; this space has {ranges} (choices it can only draw at random)"
            return [FieldProblem("sampler", message, "cmaes")]
    return []


def _check_objectives(study: StudySpec) -> list[FieldProblem]:
    problems = []
    if not study.base.data.val_fraction:
        message = "must be above 0: trials are judged on validation images"
        problems.append(FieldProblem("base.data.val_fraction", message, study.base.data.val_fraction))
    for index, objective in enumerate(study.objectives):
        if objective in study.objectives[:index]:
            problems.append(FieldProblem(f"objectives[{index}]", "is there twice", objective))
    if not set(VALIDATED) & set(study.objectives):
        message = f"must hold {' or '.join(VALIDATED)}; the others alone need no training"
        problems.append(FieldProblem("objectives", message, list(study.objectives)))
    elif study.pruner != "none" and not _can_prune(study.objectives):
        problems.append(FieldProblem("pruner", "must be none with several objectives", study.pruner))
    return problems


def fitting_warmup(train: TrainSpec, pruner: str) -> int:
    """Epochs in which no trial is pruned.

    Under a falling learning rate early epochs say little about the last ones, so a trial has a third of the training,
    a quarter under a constant one, and always the warm-up of the learning rate and an epoch more. Hyperband weighs
    early judgements against late ones itself: its first rung is the first epoch after the warm-up, and at most a ninth
    of the training, which leaves room for three brackets. The forecast knows how little it knows early: it waits for
    the warm-up alone.
    """
    risen = int(train.warmup_epochs + 0.999) + 1
    if pruner == "forecast":
        return min(train.epochs, risen)
    if pruner == "hyperband":
        return max(1, min(risen, train.epochs // 9))
    share = 4 if train.schedule in ("constant", "plateau") else 3
    return min(train.epochs, max(-(-train.epochs // share), risen))


def parse_study(source: str | bytes | dict[str, Any]) -> StudySpec:
    """A checked study from JSON text or its parsed form. Raises SpecError with paths as `space[2].high`."""
    return parse_model(StudySpec, source, _problems_of)


def _problems_of(error: ValidationError) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    for entry in error.errors(include_url=False):
        detail: dict[str, Any] = dict(entry)
        loc = detail["loc"]
        inner = (detail.get("ctx") or {}).get("error")
        if isinstance(inner, SpecError):
            problems += inner.problems
        elif loc[:1] == ("base",):
            problem = explain({**detail, "loc": loc[1:]})
            path = "base" if problem.path in ("", "spec") else f"base.{problem.path}"
            problems.append(replace(problem, path=path))
        elif loc[:1] == ("space",) and "choices" in loc:
            problem = explain({**detail, "loc": loc[:4]})
            problems.append(replace(problem, message="must be text, a number, true or false"))
        elif detail["type"] == "missing":
            problems.append(replace(explain(detail), message="is missing", missing=True))
        elif detail["type"] == "extra_forbidden":
            known = Dimension.model_fields if loc[0] == "space" else StudySpec.model_fields
            close = difflib.get_close_matches(str(loc[-1]), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            problems.append(replace(explain(detail), message="is no field of a study" + hint))
        else:
            problem = explain(detail)
            problems.append(replace(problem, path="" if problem.path == "spec" else problem.path))
    # A choice of none of the four types has an error for each of them.
    return list({(problem.path, problem.message): problem for problem in problems}.values())[:MAX_PROBLEMS]


def propose(study: StudySpec, values: Mapping[str, Any]) -> RunSpec:
    """The study's base with a trial's values. Raises SpecError for a network that cannot work."""
    return propose_values(study.base, values)


@dataclass(frozen=True)
class SpaceSize:
    """How large a space is.

    `count` is None if a range is continuous. The parameters are those of the smallest and the largest network found,
    over budget or not. The shares are of all points of the space: over budget, and impossible to build. Of `looked_at`
    points `fitting` can be built within the budget.
    """

    count: int | None
    smallest_parameters: int
    largest_parameters: int
    share_over_budget: float | None
    share_impossible: float
    looked_at: int
    fitting: int


@lru_cache(maxsize=64)
def describe_space(study: StudySpec) -> SpaceSize:
    """The size of a study's space and of its networks: exact for few shapes, else by 256 samples and a local search.

    Raises SpecError if no network of the space can work.
    """
    shaping = [dimension for dimension in study.space if dimension.shapes_network]
    shapes = count_values(shaping)
    exact = shapes is not None and shapes <= SAMPLES
    points = list(_enumerate(shaping) if exact else _sample(shaping))
    sizes = [_count_parameters(study, point) for point in points]
    working = [(size, index) for index, size in enumerate(sizes) if size is not None]
    if not working:
        message = "no network of this space can work: see pooling, strides and layers"
        raise SpecError([FieldProblem("space", message, missing=True)])
    extremes = [min(working), max(working)]
    found = [
        size if exact else _improve(study, shaping, points[index], size, sign)
        for (size, index), sign in zip(extremes, (-1, 1), strict=True)
    ]
    over = sum(size > study.budget for size, _ in working) if study.budget else None
    return SpaceSize(
        count=count_values(study.space),
        smallest_parameters=found[0],
        largest_parameters=found[1],
        share_over_budget=None if over is None else over / len(points),
        share_impossible=1 - len(working) / len(points),
        looked_at=len(points),
        fitting=len(working) - (over or 0),
    )


def measure_space(study: StudySpec) -> SpaceSize:
    """As `describe_space`; how the space is searched makes no difference, and is not asked for again."""
    plain = {"sampler": "random", "pruner": "none", "trials": 1, "minutes": 0.0, "workers": 1, "seed": 0}
    return describe_space(study.model_copy(update=plain))


def why_nothing_fits(study: StudySpec) -> str:
    """Why no trial of a study would be trained, as far as was looked, in a sentence; "" where some would."""
    try:
        size = measure_space(study)
    except SpecError as error:
        return f"{error.problems[0].message[:1].upper()}{error.problems[0].message[1:]}."
    if size.fitting:
        return ""
    return (
        f"None of {size.looked_at:,} networks of this space is within the budget of {study.budget:,} parameters: the "
        f"smallest has {size.smallest_parameters:,}. No trial would be trained."
    )


def _count_parameters(study: StudySpec, values: Mapping[str, Any]) -> int | None:
    try:
        return cost_of(propose(study, values)).parameters
    except SpecError:
        return None


def _enumerate(space: Sequence[Dimension]) -> Iterator[dict[str, Value]]:
    for values in itertools.product(*[dimension.values() or () for dimension in space]):
        yield {dimension.path: value for dimension, value in zip(space, values, strict=True)}


def _sample(space: Sequence[Dimension]) -> Iterator[dict[str, Value]]:
    dice = random.Random(0)  # nosec B311 - no secret: the same answer each time it is asked
    for _ in range(SAMPLES):
        yield {dimension.path: _draw(dimension, dice) for dimension in space}


def _draw(dimension: Dimension, dice: random.Random) -> Value:
    values = dimension.values()
    if values is not None and not dimension.log:
        return values[dice.randrange(len(values))]
    low, high = dimension.bounds
    if not dimension.log:
        return dice.uniform(low, high)
    drawn = float(low * (high / low) ** dice.random())
    return round(drawn) if dimension.kind == "int" else drawn


def _improve(study: StudySpec, space: Sequence[Dimension], start: Mapping[str, Value], size: int, sign: int) -> int:
    """The most (sign 1) or fewest (-1) parameters found by moving one value at a time to an end of its range."""
    point, better = dict(start), True
    while better:
        better = False
        for dimension in space:
            values = dimension.values() or dimension.bounds
            ends = values if len(values) <= 8 else (values[0], values[-1])
            for value in ends:
                changed = {**point, dimension.path: value}
                found = _count_parameters(study, changed)
                if found is not None and sign * found > sign * size:
                    point, size, better = changed, found, True
    return size


def _report() -> StudySpec:
    """The search of the student report that the preset of the same name comes from; what it names is searched."""
    base = PRESETS["report"].spec.model_dump(mode="json")
    base["train"] |= {"momentum": 0.9, "nesterov": False, "weight_decay": 5e-4}
    choices = {
        "model.stem_channels": [16, 32],
        "model.layers[0].channels": [32, 64],
        "model.layers[1].channels": [64, 128],
        "model.layers[2].channels": [128, 256],
        "model.layers[*].filter_size": [3, 5],
        "model.layers[*].skip_kernel": [1, 3],
        "model.pool_size": [2, 4],
        "train.batch_size": [8, 16, 32],
        "train.optimizer": ["sgd", "adam"],
    }
    space = [{"path": path, "choices": values} for path, values in choices.items()]
    space.append({"path": "train.learning_rate", "low": 1e-5, "high": 1e-2, "log": True})
    return parse_study({"base": base, "space": space, "trials": 20})


def _first_look() -> StudySpec:
    base = PRESETS["first-look"].spec.model_dump(mode="json")
    space = [
        {"path": "train.learning_rate", "low": 1e-4, "high": 3e-2, "log": True},
        {"path": "model.layers[*].blocks", "low": 1, "high": 3},
        {"path": "model.attention", "choices": ["none", "se", "eca"]},
        {"path": "model.dropout", "low": 0, "high": 0.5},
    ]
    return parse_study({"base": base, "space": space, "trials": 12})


STUDY_PRESETS = {"report": _report(), "first-look": _first_look()}
