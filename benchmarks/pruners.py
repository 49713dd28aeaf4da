"""What each pruner saves of recorded trainings, and how often it ends the best of them: studies replayed.

python -m benchmarks.pruners          # writes docs/PRUNERS.md and benchmarks/results/pruners.json

The recorded trainings of one kind of images are a study's trials, in an order drawn at random; after each epoch the
pruner is asked, as a worker asks it. The forecast's residuals are those of the other kind of images, and of the trials
that have finished.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, get_args

import numpy as np
import optuna
from optuna import pruners
from optuna.trial import TrialState

from benchmarks.forecast import FAMILIES, list_cases
from benchmarks.machine import keep_result, read_result
from benchmarks.replay import Recording, read_recordings
from core.forecast.extrapolate import FloatArray
from core.forecast.interval import FIGURES, residual
from core.spec import TrainSpec
from core.studies.pruners import PRUNERS, ForecastPruner, describe_pruning, make_pruner, should_prune
from core.studies.spec import Pruner, StudySpec, fitting_warmup, parse_study
from core.system.folders import PROJECT

DOCUMENT = PROJECT / "docs" / "PRUNERS.md"
ORDERS = 20
EPOCHS, LONGEST = 15, 20  # of the base, and of the longest recorded training
OBJECTIVES = ("val/loss", "val/accuracy")
ENDING: tuple[Pruner, ...] = tuple(name for name in get_args(Pruner) if name != "none")


def make_study(pruner: Pruner, objective: str, family: str) -> StudySpec:
    base = read_recordings(family)[0].observed.spec.model_dump(mode="json")
    base["train"] |= {"epochs": EPOCHS, "warmup_epochs": 0.0, "schedule": "cosine"}
    space = [{"path": "train.epochs", "low": 10, "high": LONGEST}]
    return parse_study({"base": base, "space": space, "pruner": pruner, "objectives": [objective], "trials": 36})


def list_trainings(family: str, objective: str) -> list[tuple[TrainSpec, FloatArray]]:
    """Of each complete training its spec and the objective after each epoch, (epochs,)."""
    return [_read(recording, objective) for recording in read_recordings(family) if recording.observed.is_complete]


def _read(recording: Recording, objective: str) -> tuple[TrainSpec, FloatArray]:
    return recording.observed.spec.train, recording.observed.column(objective)


@cache
def read_others(family: str, column: str, share: float) -> tuple[FloatArray, float, int]:
    """As `read_recorded`, of the trainings on the other kind of images."""
    figure = next(each for each in FIGURES if each.column == column)
    nearest = min((round(0.1 * tenth, 1) for tenth in range(1, 10)), key=lambda each: abs(each - share))
    cases = [case for case in list_cases(figure, nearest) if case.family != family]
    residuals = np.array([residual(case.outlook, case.end) for case in cases])
    return residuals, 0.0, len(residuals)


def replay_study(pruner: Pruner, objective: str, family: str, seed: int) -> tuple[float, bool, float]:
    """The share of epochs saved, whether the best training finished, and by how much the best that did is worse."""
    spec, trainings = make_study(pruner, objective, family), list_trainings(family, objective)
    random.Random(seed).shuffle(trainings)
    judge: pruners.BasePruner = make_pruner(spec)
    if pruner == "forecast":
        judge = ForecastPruner(spec, partial(read_others, family), lambda trial: trainings[trial.number][0])
    study = optuna.create_study(study_name=f"{family} {seed}", pruner=judge, direction=spec.directions[0])
    best = min if spec.directions[0] == "minimize" else max
    ends = [float(best(values[np.isfinite(values)], default=np.nan)) for _, values in trainings]
    trained, finished = 0, []
    for (_, values), end in zip(trainings, ends, strict=True):
        trial = study.ask()
        for epoch, value in enumerate(values.tolist(), 1):
            trial.report(value, epoch)
            if epoch < len(values) and should_prune(spec, trial, value):
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, end)
            finished.append(end)
        trained += epoch
    whole = sum(len(values) for _, values in trainings)
    return 1 - trained / whole, best(finished) == best(ends), abs(best(finished) - best(ends))


def measure(orders: int = ORDERS) -> dict[str, Any]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: dict[str, Any] = {}
    for pruner in ENDING:
        for objective in OBJECTIVES:
            played = [replay_study(pruner, objective, family, seed) for family in FAMILIES for seed in range(orders)]
            saved, kept, lost = np.array(played, float).T
            found.setdefault(pruner, {})[objective] = {
                "saved": round(float(saved.mean()), 4),
                "kept": int(kept.sum()),
                "lost_mean": round(float(lost.mean()), 5),
                "lost_most": round(float(lost.max()), 5),
            }
    return {"studies": orders * len(FAMILIES), "trials": 36, "pruners": found}


DOCUMENT_TEXT = """# Pruners

A pruner ends trials of a study early. Each is an entry of `PRUNERS` in `core/studies/pruners.py`; the form, links and
`pruner=` of `python -m core study` offer it by its name. A trial whose loss is no number any more is ended by all but
`none`.

This page is written by `python -m benchmarks.pruners`, and a test holds that it tells of every pruner.

## What each saves

{studies} studies replayed: 20 orders of the 36 recorded trainings on digits and 20 of those on photographs, 10 to 20
epochs each (`benchmarks/recipes.py`: optimizer, rate, size and schedule drawn at random), one after the other, with the
wait that fits as delivered. "Best kept" counts the studies in which the best of the 36 was trained to its end, "lost"
is by how much the best that was is worse, on average and at most: it is the same two trainings in all orders, one on
digits and one on photographs. The forecast knew the recorded trainings on the
other kind of images and the study's own finished ones. Where trials are proposed by what was learnt, or train side by
side, nobody has counted.

{table}

## When each ends a trial

{rules}
"""

_RULES: dict[str, str] = {
    "median": "worse, at its best so far, than the median of the trials before it at the same epoch (Golovin et al. "
    "2017, Google Vizier)",
    "hyperband": "not among the best third at a rung; brackets with early and with late rungs (Li et al. 2018, "
    "arXiv:1603.06560)",
    "halving": "not among the best quarter at a rung (Li et al. 2020, arXiv:1810.05934)",
    "patient": "no better for so many epochs than it was before",  # ours: see `StandstillPruner`
    "forecast": "hardly a chance to end better than the best that has finished, by the forecast of its curve "
    "(docs/FORECAST.md; Domhan, Springenberg & Hutter 2015, IJCAI)",
}


def write_document(found: dict[str, Any]) -> str:
    head = ("pruner", "objective", "epochs saved", "best kept", "lost, mean", "lost, most")
    rows = []
    for name, by_objective in found["pruners"].items():
        for objective, figures in by_objective.items():
            shares = objective == "val/accuracy"
            lost = [_tell(figures[key], shares) for key in ("lost_mean", "lost_most")]
            kept = f"{figures['kept']} of {found['studies']}"
            label = f"{PRUNERS[name].label} (`{name}`)"
            rows.append((label, f"`{objective}`", f"{figures['saved']:.0%}", kept, *lost))
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))
    rules = "\n".join(_tell_rule(name) for name in ENDING)
    return DOCUMENT_TEXT.format(studies=found["studies"], table=table, rules=rules)


def _tell(value: float, is_share: bool) -> str:
    return f"{100 * value:.2f} points" if is_share else f"{value:.4f}"


def _tell_rule(name: Pruner) -> str:
    wait = fitting_warmup(TrainSpec(epochs=LONGEST, warmup_epochs=0.0), name)
    example = " ".join(describe_pruning(make_study(name, OBJECTIVES[0], FAMILIES[0])))
    return f"- **{PRUNERS[name].label}** (`{name}`): {_RULES[name]}. In the studies above: {example} A training of " + (
        f"{LONGEST} epochs with a falling rate waits for {wait}."
    )


def list_pruners(rows: Sequence[str]) -> set[str]:
    """The names of pruners that rows of a table tell of."""
    return {row.split("`")[1] for row in rows if row.startswith("| ") and "(`" in row}


def main() -> None:
    warnings.simplefilter("ignore")
    keep_result("pruners", measure())
    found = read_result("pruners")
    assert found
    DOCUMENT.write_text(write_document(found), encoding="utf-8")


if __name__ == "__main__":
    main()
