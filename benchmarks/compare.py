"""The Compare page with 50 runs of 500 epochs: the server's part of an update, the browser's, and a list of 1,000 runs.

The server's part is timed over its own socket, as in `benchmarks.pages`, after an epoch was added to one run or to all.
The browser's is the main thread's own time, told by Chromium, so that a busy machine does not count: all that it does
from an epoch of every run until both charts show it, with the page's own renewal once a second.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.made_runs import make_runs
from benchmarks.page_client import PageClient
from core.runs.store import open_run
from core.system import files
from core.system.locks import FileLock
from tests.lab_server import LabServer, serve_lab

RUNS, EPOCHS, LISTED, UPDATES = 50, 500, 1000, 20
LONGEST_SECONDS = 120
LIMITS_MS = {"server_one_grew": 150, "server_all_grew": 150, "browser": 500, "list": 300}

# The two charts, kept at hand: a search through the page at every look would count as the page's own work.
FIND_CHARTS = """() => {
  window.labCharts = [...document.querySelectorAll('.lab-plot')].filter((plot) => plot._fullData?.length);
  return window.labCharts.length === 2 && document.querySelector('.lab-compare tbody tr') !== null;
}"""
SHOWN = "(epoch) => window.labCharts.every((chart) => chart._fullData.some((trace) => trace.x.at(-1) === epoch))"


def measure_compare() -> dict[str, Any]:
    """Milliseconds by name, with the limits they are held to."""
    figures: dict[str, Any] = {"limits_ms": LIMITS_MS}
    with tempfile.TemporaryDirectory() as folder:
        run_ids = _make(folder, RUNS, EPOCHS)
        for run_id in run_ids:
            (open_run(run_id).path / "end.json").unlink()  # not ended, as a run that trains
        query = f"fold=false&ids={','.join(run_ids)}"
        with serve_lab(Path(folder)) as server:
            figures["server_unchanged_ms"] = _time_updates(server, query, ())
            figures["server_one_grew_ms"] = _time_updates(server, query, run_ids[:1])
            figures["server_all_grew_ms"] = _time_updates(server, query, run_ids)
            figures["browser_ms"] = _time_browser(f"{server.url}/compare?{query}", run_ids)
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


def _add_epoch(metrics: Path) -> int:
    """Returns its number."""
    row = json.loads(metrics.read_bytes().splitlines()[-1])
    row |= {"epoch": row["epoch"] + 1, "step": row["step"] + 352, "seconds": row["seconds"] + 12}
    with open(metrics, "ab") as file:
        file.write(files.to_line(row))
    return int(row["epoch"])


def _time_browser(address: str, run_ids: Sequence[str], updates: int = 8) -> dict[str, float]:
    """Milliseconds of the browser's main thread for an update in which every run, all of them training, has grown."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    metrics = [open_run(run_id).path / "metrics.jsonl" for run_id in run_ids]
    with ExitStack() as stack:
        for path in metrics:
            stack.enter_context(_training(path.parent))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        # Not by frames: a machine that is busy draws hardly any.
        page.wait_for_function(FIND_CHARTS, polling=500, timeout=1000 * LONGEST_SECONDS)
        page.wait_for_timeout(3000)  # what the first drawing leaves behind
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def spent() -> float:
            told = session.send("Performance.getMetrics")["metrics"]
            return next(1000 * float(entry["value"]) for entry in told if entry["name"] == "TaskDuration")

        taken = []
        for _ in range(updates):
            before = spent()
            for path in metrics:
                epoch = _add_epoch(path)
            page.wait_for_function(SHOWN, arg=epoch, polling=50, timeout=1000 * LONGEST_SECONDS)
            page.wait_for_timeout(300)
            taken.append(spent() - before)
    return {"median": round(statistics.median(taken), 1), "slowest": round(max(taken), 1)}


@contextmanager
def _training(folder: Path) -> Iterator[None]:
    """The run counts as running: this process holds its lock."""
    lock = FileLock(folder / "run.lock")
    if not lock.acquire(1):
        raise RuntimeError(f"{folder} is locked")
    try:
        yield
    finally:
        lock.release()


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    measured = measure_compare()
    print(json.dumps(measured, indent=2))
    keep_result("compare", measured)
