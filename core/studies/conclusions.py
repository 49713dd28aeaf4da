"""What a study learnt, in a sentence or two, and the narrower study that follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from core.spec.fields import label_path, show_value
from core.studies.importance import CLEAR_TRIALS as MIN_TRIALS
from core.studies.importance import main_objective, rank_fields
from core.studies.objectives import OBJECTIVES
from core.studies.space import Dimension, propose_values
from core.studies.spec import StudySpec, parse_study
from core.studies.trials import iterate_feasible
from core.text.words import join_words

BEST_SHARE = 5  # the best fifth
MIN_BEST = 3


def rank_trials(spec: StudySpec, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Finished trials within the budget, the best first by the first objective that is validated."""
    index = main_objective(spec)
    worst_first = OBJECTIVES[spec.objectives[index]].is_maximized
    return sorted(iterate_feasible(trials), key=lambda trial: trial.values[index], reverse=worst_first)


def best_fifth(spec: StudySpec, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Empty if there are too few trials to say anything."""
    ranked = rank_trials(spec, trials)
    return ranked[: max(MIN_BEST, len(ranked) // BEST_SHARE)] if len(ranked) >= MIN_TRIALS else []


def describe(spec: StudySpec, trials: Sequence[FrozenTrial]) -> list[str]:
    """What mattered, where its interval says so, and where the best trials are; one sentence if it is too early."""
    ranked, best = rank_trials(spec, trials), best_fifth(spec, trials)
    if not best:
        too_few = f"{len(ranked)} of the {MIN_TRIALS} finished trials that a first conclusion needs."
        return [f"{too_few} This study has {spec.trials}." if 0 < spec.trials < MIN_TRIALS else too_few]
    objective = spec.objectives[main_objective(spec)]
    sentences = []
    importance = rank_fields(spec, trials)
    if importance.reason:
        return [importance.reason]
    if important := importance.clear[:3]:
        words = join_words([label_path(path).lower() for path in important])
        sentences.append(f"What mattered most for the {OBJECTIVES[objective].label.lower()}: {words}.")
    dimensions = {dimension.path: dimension for dimension in spec.space}
    spans = [span for path in important if (span := _span(dimensions[path], best))]
    if spans:
        sentences.append(f"The best {len(best)} of {len(ranked)} trials have {join_words(spans)}.")
    return sentences or [f"No searched field stands out from chance among {len(ranked)} trials."]


def _span(dimension: Dimension, best: Sequence[FrozenTrial]) -> str:
    values = [trial.params[dimension.path] for trial in best if dimension.path in trial.params]
    if not values:
        return ""
    label = label_path(dimension.path).lower()
    if dimension.choices:
        kept = [choice for choice in dimension.choices if choice in values]
        if len(kept) == len(dimension.choices):
            return ""
        return f"{label} {join_words([show_value(dimension.field, choice) for choice in kept], 'or')}"
    low, high = (show_value(dimension.field, bound, digits=2, unit=False) for bound in (min(values), max(values)))
    return f"{label} {low}" if low == high else f"{label} {low} to {high}"


def narrow(spec: StudySpec, trials: Sequence[FrozenTrial]) -> StudySpec:
    """The next study: around the best fifth of this one, from its best trial. Raises ValueError if it is too early.

    A field at which all of the best agree is fixed there, as long as something is left to search.
    """
    best = best_fifth(spec, trials)
    if not best:
        raise ValueError(f"Narrowing a space needs {MIN_TRIALS} finished trials.")
    narrowed = [(dimension, _narrow(dimension, best)) for dimension in spec.space]
    kept = [after for _, after in narrowed if after is not None]
    fixed = [before.path for before, after in narrowed if after is None] if kept else []
    base = propose_values(spec.base, {path: best[0].params[path] for path in fixed}).model_dump(mode="json")
    data = spec.model_dump(mode="json")
    space = [dimension.model_dump(mode="json") for dimension in (kept or spec.space)]
    return parse_study({**data, "base": base, "space": space, "seed": (spec.seed + 1) % 2**31})


def _narrow(dimension: Dimension, best: Sequence[FrozenTrial]) -> Dimension | None:
    """The dimension around the best values; None if they all agree."""
    values = [trial.params[dimension.path] for trial in best]
    if dimension.choices:
        kept = tuple(choice for choice in dimension.choices if choice in values)
        return dimension.model_copy(update={"choices": kept}) if len(kept) > 1 else None
    (start, end), low, high = dimension.bounds, min(values), max(values)
    if dimension.log:
        margin = (end / start) ** 0.1
        low, high = low / margin, high * margin
    else:
        margin = 0.1 * (end - start)
        low, high = low - margin, high + margin
    if dimension.kind == "int" or dimension.step:
        step = dimension.int_step if dimension.kind == "int" else float(dimension.step or 0)
        # On the steps of the range before, outwards.
        low = start + math.floor((low - start) / step) * step
        high = start + math.ceil((high - start) / step) * step
    low, high = max(start, float(f"{low:.6g}")), min(end, float(f"{high:.6g}"))
    return dimension.model_copy(update={"low": low, "high": high}) if low < high else None
