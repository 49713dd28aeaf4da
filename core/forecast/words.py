"""What is forecast, in sentences, for pages and the command line alike."""

from __future__ import annotations

from collections.abc import Mapping

from core.forecast.forecast import ACCURACY, Forecast
from core.forecast.stopping import Suggestion
from core.text.formats import format_percent, format_seconds
from core.text.words import count_of, join_words, list_first

MOST_NAMED = 4


def tell_forecast(forecast: Forecast) -> str:
    """Where a run will end, the chance to beat the best, and how often such intervals held before."""
    parts = []
    for end in forecast.ends:
        accuracy = end.column == ACCURACY
        low, high = (format_percent(v, 1) if accuracy else f"{v:.3f}" for v in (end.interval.low, end.interval.high))
        parts.append(f"{'accuracy' if accuracy else 'loss'} between {low} and {high}")
    sentences = [f"Forecast for epoch {forecast.epochs}, 80 %: validation {join_words(parts)}."]
    if forecast.chance is not None and forecast.best is not None:
        sentences.append(
            f"Chance to end above {forecast.best_name}, the best finished run on the same images "
            f"({format_percent(forecast.best, 1)}): {format_percent(forecast.chance, 0)}."
        )
    past = forecast.ends[0].past
    whose = (
        f"the lab's own {past} finished runs of this kind" if forecast.own else f"{past} trainings recorded elsewhere"
    )
    held = join_words([format_percent(end.covered, 0) for end in forecast.ends])
    sentences.append(f"At this point of {whose}, {held} ended inside such an interval (docs/FORECAST.md).")
    return " ".join(sentences)


def tell_stops(suggestion: Suggestion, names: Mapping[str, str]) -> str:
    """Which runs to stop, by their names, what stopping them saves, and how sure it is."""
    stop = list_first([names.get(run_id, run_id) for run_id in suggestion.stop], MOST_NAMED)
    count = len(suggestion.stop) + len(suggestion.kept)
    told = (
        f"{stop} will hardly be the best of these {count}. Stopping now saves about "
        f"{format_seconds(suggestion.seconds)} of training; with a chance of {format_percent(suggestion.chance, 0)} "
        "the one that ends with the highest validation accuracy goes on."
    )
    if suggestion.unknown:
        told += f" {count_of(len(suggestion.unknown), 'run')} with too few epochs to tell: kept."
    return told
