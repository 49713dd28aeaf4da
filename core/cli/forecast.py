"""The command `forecast`: where runs will end, and which of several will hardly be the best."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from core.cli.find import find_runs
from core.cli.output import print_json, say
from core.cli.source import AsJson, RunIds
from core.text.safe import plain


def foresee_runs(
    run_ids: RunIds,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stops those that will hardly be the best; `resume` goes on with them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Says where runs will end, and of several that train which will hardly be the best.

    docs/FORECAST.md has the method, and how often it held.
    """
    from core.compare.snapshot import read_run
    from core.forecast.forecast import forecast_run
    from core.forecast.stopping import suggest_stops
    from core.forecast.words import tell_forecast, tell_stops
    from core.launch.launcher import request_stop

    found = find_runs(run_ids)
    for run in found:
        run.require_own()
    runs = [read_run(run.id) for run in found]
    forecasts = {run.id: forecast_run(run) for run in runs}
    suggestions = suggest_stops(runs)
    if as_json:
        print_json(
            {
                "forecasts": {run_id: each and asdict(each) for run_id, each in forecasts.items()},
                "stop": [asdict(suggestion) for suggestion in suggestions],
            }
        )
    else:
        for one in runs:
            told = forecasts[one.id]
            print(f"{plain(one.name)}: {plain(tell_forecast(told)) if told else _tell_why_not(one.state)}")
        for suggestion in suggestions:
            print(plain(tell_stops(suggestion, {one.id: one.name for one in runs})))
    for run_id in [run_id for suggestion in suggestions for run_id in suggestion.stop] if stop else ():
        asked = request_stop(run_id)
        say(f"{run_id} {'asked to stop' if asked else 'is over already'}.")


def _tell_why_not(state: str) -> str:
    over = state in ("finished", "failed", "pruned")
    return f"{state}: there is nothing to tell." if over else "from its third epoch on."
