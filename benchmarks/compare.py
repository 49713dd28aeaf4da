"""The Compare page with 50 runs of 500 epochs: the server's part of an update, the browser's, and a list of 1,000 runs.

The server's part is timed over its own socket, as in `benchmarks.pages`, after an epoch was added to one run or to all.
The browser's is the main thread's own time for redrawing both charts, told by Chromium, so that a busy machine does
not count.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.made_runs import make_runs
from benchmarks.page_client import PageClient
from core import files
from core.runs import open_run
from tests.server import LabServer, serve_lab

RUNS, EPOCHS, LISTED, UPDATES = 50, 500, 1000, 20
LIMITS_MS = {"server_one_grew": 150, "server_all_grew": 150, "browser": 500, "list": 300}

# Each chart drawn anew with one changed value, as after an epoch.
REDRAW = """async () => {
  const inside = (e) => [e, ...(e.shadowRoot ? within(e.shadowRoot) : [])];
  const within = (root) => [...root.querySelectorAll('*')].flatMap(inside);
  const charts = within(document).filter((e) => e.data && e.layout);
  for (const chart of charts) {
    const data = chart.data.map((trace) => ({ ...trace }));
    data[0].y = Array.from(chart._fullData[0].y);
    data[0].y[3] += 0.001;
    await window.Plotly.react(chart, data, { ...chart.layout });
  }
  return charts.map((chart) => chart.data.length);
}"""


def measure_compare() -> dict[str, Any]:
    """Milliseconds by name, with the limits they are held to."""
    figures: dict[str, Any] = {"limits_ms": LIMITS_MS}
    with tempfile.TemporaryDirectory() as folder:
        run_ids = _make(folder, RUNS, EPOCHS)
        for run_id in run_ids:
            # Not ended: looked at anew at every update, as a run that trains is.
            (open_run(run_id).path / "end.json").unlink()
        query = f"fold=false&ids={','.join(run_ids)}"
        with serve_lab(Path(folder)) as server:
            figures["server_unchanged_ms"] = _time_updates(server, query, ())
            figures["server_one_grew_ms"] = _time_updates(server, query, run_ids[:1])
            figures["server_all_grew_ms"] = _time_updates(server, query, run_ids)
            figures["browser_ms"] = _time_browser(f"{server.url}/compare?{query}")
    with tempfile.TemporaryDirectory() as folder:
        _make(folder, LISTED, 20)
        with serve_lab(Path(folder)) as server:
            figures["list_ms"] = _time_updates(server, "", ())
    return figures


def _make(folder: str, count: int, epochs: int) -> list[str]:
    os.environ["RESNET_LAB_RUNS"] = str(Path(folder, "runs"))
    Path(folder, "runs").mkdir()
    return make_runs(count, epochs)


def _time_updates(server: LabServer, query: str, growing: Sequence[str]) -> dict[str, float]:
    """Reruns of the page, before each of which the growing runs get another epoch."""
    with PageClient(server.url) as client:
        client.rerun("compare", query)
        taken = []
        for _ in range(UPDATES):
            for run_id in growing:
                _add_epoch(open_run(run_id).path / "metrics.jsonl")
            taken.append(1000 * client.rerun("compare", query)[0])
    return {"median": round(statistics.median(taken), 1), "fastest": round(min(taken), 1)}


def _add_epoch(metrics: Path) -> None:
    row = json.loads(metrics.read_bytes().splitlines()[-1])
    row |= {"epoch": row["epoch"] + 1, "step": row["step"] + 352, "seconds": row["seconds"] + 12}
    with open(metrics, "ab") as file:
        file.write(files.to_line(row))


def _time_browser(address: str) -> float:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
        page.goto(address)
        page.wait_for_selector(".lab-compare tbody tr")
        page.wait_for_function(f"async () => (await ({REDRAW})()).join() === '{2 * RUNS},{2 * RUNS}'")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def spent() -> float:
            told = session.send("Performance.getMetrics")["metrics"]
            return next(1000 * entry["value"] for entry in told if entry["name"] == "TaskDuration")

        before, redraws = spent(), 5
        for _ in range(redraws):
            page.evaluate(REDRAW)
            page.wait_for_timeout(300)
        return round((spent() - before) / redraws, 1)


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    measured = measure_compare()
    print(json.dumps(measured, indent=2))
    keep_result("compare", measured)
