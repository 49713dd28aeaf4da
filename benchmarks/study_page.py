"""The page of a study of 1,000 trials: the server's part of a rerun for each figure, as it is and after one trial more.

python -m benchmarks.study_page
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.page_client import PageClient
from core.studies.charts.plots import PLOTS
from tests.lab_server import LabServer, serve_lab
from tests.pages.sample_studies import add_trial, make_spec, make_study

TRIALS, RERUNS, NEWS = 1000, 15, 6
NAME = "thousand"


def measure_study_page() -> dict[str, Any]:
    """Milliseconds by figure: the first visit, later reruns, and those in which a trial has ended."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RESNET_LAB_RUNS"] = str(Path(folder, "runs"))
        Path(folder, "runs").mkdir()
        make_study(NAME, TRIALS, make_spec(trials=10 * TRIALS, budget=0))
        with serve_lab(Path(folder)) as server:
            plots = [plot for plot in PLOTS if plot != "Pareto Front"]
            return {"trials": TRIALS, "figures": {plot: _time_figure(server, plot) for plot in plots}}


def _time_figure(server: LabServer, plot: str) -> dict[str, float]:
    query = f"name={NAME}&plot={quote(plot)}"
    with PageClient(server.url) as client:
        first, _ = client.rerun("studies", query)
        same = [client.rerun("studies", query) for _ in range(RERUNS)]
        news = []
        for _ in range(NEWS):
            add_trial(NAME)
            news.append(client.rerun("studies", query)[0])
    milliseconds = sorted(1000 * seconds for seconds, _ in same)
    return {
        "first_ms": round(1000 * first, 1),
        "median_ms": round(statistics.median(milliseconds), 1),
        "p95_ms": round(milliseconds[int(0.95 * RERUNS)], 1),
        "after_a_trial_ms": round(1000 * statistics.median(news), 1),
        "sent_kb": round(same[-1][1] / 1000, 1),
    }


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    measured = measure_study_page()
    print(json.dumps(measured, indent=2))
    keep_result("study-page", measured)
