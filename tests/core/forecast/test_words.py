"""What is forecast is told with its interval, how often such intervals held, and how sure a suggestion is."""

from core.forecast.forecast import End, Forecast
from core.forecast.interval import Interval
from core.forecast.stopping import Suggestion
from core.forecast.words import tell_forecast, tell_stops

ENDS = (
    End("val/accuracy", 0.5, Interval(0.61, 0.65, 0.7), 0.81, 72),
    End("val/loss", 1.0, Interval(0.5, 0.6, 0.75), 0.78, 72),
)


def test_both_intervals_are_told_and_whose_runs_they_are_from() -> None:
    assert tell_forecast(Forecast(6, 12, 12.0, ENDS, own=False)) == (
        "Forecast for epoch 12, 80 %: validation accuracy between 61.0 % and 70.0 % and loss between 0.500 and 0.750. "
        "At this point of 72 trainings recorded elsewhere, 81 % and 78 % ended inside such an interval "
        "(docs/FORECAST.md)."
    )
    told = tell_forecast(Forecast(6, 12, 12.0, ENDS, own=True, best=0.68, best_name="the best", chance=0.25))
    assert "Chance to end above the best, the best finished run on the same images (68.0 %): 25 %." in told
    assert "of the lab's own 72 finished runs of this kind" in told


def test_runs_to_stop_are_named_and_those_too_young_are_counted() -> None:
    names = {"1": "a", "2": "b", "3": "c"}
    told = tell_stops(Suggestion(("1", "2"), ("3",), 600, 0.93, ("4",)), names)
    assert told == (
        "a, b will hardly be the best of these 3. Stopping now saves about 10 min 00 s of training; with a chance of "
        "93 % the one that ends with the highest validation accuracy goes on. 1 run with too few epochs to tell: kept."
    )
    assert tell_stops(Suggestion(("9",), ("3",), 60, 0.9), names).startswith("9 will hardly be the best of these 2.")
