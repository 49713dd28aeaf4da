"""What opening a page costs, in figures that a busy machine does not change: beside TensorBoard, cold and warm.

`task_ms` is the processor time of the page's main thread, `script_ms` and `layout_ms` parts of it, `server_ms` the
processor time of the page's server, `bytes` and `requests` what came over the wire, WebSockets with them. A page is
done once its charts stand and its main thread has had nothing to do for a second. Cold is a browser that knows nothing
yet, warm the same browser once more; the server has shown the page before.

python -m benchmarks.page_cost [--rounds 3] [--only compare]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.machine import keep_result
from benchmarks.made_runs import make_runs
from benchmarks.peers import CHART, EPOCHS, RUNS, count_bytes, processor_seconds, serve_tensorboard
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.lab_server import serve_lab

LISTED = (1000, 10_000)
IDLE_SECONDS, LONGEST_SECONDS = 1.0, 120.0
ROWS = ".lab-runs tbody tr"
THERE = "(selector) => document.querySelector(selector) !== null"
Cost = dict[str, float]


def measure_compare(browser: Browser, rounds: int) -> dict[str, Any]:
    """Compare with 50 runs of 500 epochs, and TensorBoard's first page of the same."""
    with ExitStack() as stack:
        folder = stack.enter_context(_runs_folder())
        ids = make_runs(RUNS, EPOCHS)
        lab = stack.enter_context(serve_lab(folder))
        assert lab.process is not None
        url = lab.url + f"/compare?fold=false&ids={','.join(ids)}"
        theirs, process = stack.enter_context(serve_tensorboard(ids, folder))
        costs = {
            "ours": _measure(browser, url, CHART["ours"], lab.process.pid, rounds),
            "tensorboard": _measure(browser, theirs, CHART["tensorboard"], process.pid, rounds),
        }
    ours, others = costs.values()
    return costs | {"ratio": {key: round(ours[key] / others[key], 3) for key in ours if others[key]}}


def measure_runs(browser: Browser, count: int, rounds: int) -> Cost:
    """The list of so many runs."""
    with ExitStack() as stack:
        folder = stack.enter_context(_runs_folder())
        make_runs(count, 20)
        lab = stack.enter_context(serve_lab(folder))
        assert lab.process is not None
        return _measure(browser, f"{lab.url}/runs", ROWS, lab.process.pid, rounds)


@contextmanager
def _runs_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RESNET_LAB_RUNS"] = str(Path(folder, "runs"))
        Path(folder, "runs").mkdir()
        yield Path(folder)


def _measure(browser: Browser, url: str, there: str, pid: int, rounds: int) -> Cost:
    """Medians; the server sees the page once before."""
    _load_twice(browser, url, there, pid)
    loads = [_load_twice(browser, url, there, pid) for _ in range(rounds)]
    return {key: round(statistics.median(load[key] for load in loads), 1) for key in loads[0]}


def _load_twice(browser: Browser, url: str, there: str, pid: int) -> Cost:
    costs: Cost = {}
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        for state in ("cold", "warm"):
            page = context.new_page()
            for key, value in _load(page, url, there, psutil.Process(pid)).items():
                costs[f"{state}_{key}"] = value
            page.close()
    return costs


def _load(page: Page, url: str, there: str, server: psutil.Process) -> Cost:
    session = page.context.new_cdp_session(page)
    received = count_bytes(session)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = processor_seconds(server)
    page.goto(url, wait_until="commit")
    # Not by frames: a machine that is busy draws hardly any.
    page.wait_for_function(THERE, arg=there, polling=500, timeout=1000 * LONGEST_SECONDS)
    spent, since, end = 0.0, time.monotonic(), time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        page.wait_for_timeout(200)
        now = _read_metrics(session)
        if now["TaskDuration"] - spent > 0.02:
            spent, since = now["TaskDuration"], time.monotonic()
        elif time.monotonic() - since > IDLE_SECONDS:
            break
    return {
        "task_ms": 1000 * now["TaskDuration"],
        "script_ms": 1000 * now["ScriptDuration"],
        "layout_ms": 1000 * (now["LayoutDuration"] + now["RecalcStyleDuration"]),
        "server_ms": 1000 * (processor_seconds(server) - before),
        "bytes": received["bytes"],
        "requests": received["requests"],
    }


def _read_metrics(session: Any) -> dict[str, float]:
    return {entry["name"]: float(entry["value"]) for entry in session.send("Performance.getMetrics")["metrics"]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["compare", "runs"])
    args = parser.parse_args()
    figures: dict[str, Any] = {"rounds": args.rounds}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if args.only != "runs":
            figures["compare"] = measure_compare(browser, args.rounds)
        if args.only != "compare":
            figures["runs"] = {str(count): measure_runs(browser, count, args.rounds) for count in LISTED}
        browser.close()
    print(json.dumps(figures, indent=2))
    if not args.only:
        keep_result("page-cost", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
