"""Our pages beside TensorBoard's and optuna-dashboard's, in one Chromium, in turns, with the same runs and trials.

Curves: 50 runs of 500 epochs on Compare and on TensorBoard's first page. Study: each figure of a study's page against
optuna-dashboard's page that holds it. A page is ready once its picture stays what it is in the end: of the frames that
Chromium sends while it draws, the last that differs in more than `SETTLED` of its pixels. Cold is a browser that knows
nothing yet, warm the same browser once more. Bytes are those that came over the wire, WebSockets with them; blocked is
the longest single task of the page's main thread.

python -m benchmarks.peers [--rounds 1] [--minutes 6]

What is measured is kept at once. When the minutes are over, nothing more is begun, and the rest is named as left out.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import Browser, CDPSession, Page, TimeoutError, sync_playwright

from benchmarks.machine import keep_result
from benchmarks.made_runs import make_runs
from core.export.tensorboard import write_events
from core.runs.store import open_run
from core.studies.charts.plots import PlotName
from core.studies.storage import storage_url
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.lab_server import find_free_port, serve_lab
from tests.pages.sample_studies import make_spec, make_study

RUNS, EPOCHS, TRIALS = 50, 500, (500, 1000)
SETTLED = 0.005
STILL_SECONDS, LONGEST_SECONDS, SPARE_SECONDS = 4.0, 90.0, 40.0
WATCH_TASKS = """
  window.longestTask = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((task) => {
    window.longestTask = Math.max(window.longestTask, task.duration);
  })).observe({ type: 'longtask', buffered: true });
"""
# The figures that both have, by the page of a study that optuna-dashboard shows them on, together with others.
FIGURES: dict[PlotName, str] = {
    "History": "",
    "Importance": "",
    "Timeline": "",
    "Slice": "/analytics",
    "Parallel Coordinate": "/analytics",
}
# What is there once a chart is being drawn.
CHART = {"ours": ".lab-plot .main-svg", "tensorboard": "line-chart", "optuna_dashboard": ".js-plotly-plot .main-svg"}
# So tall that they are all in sight.
HEIGHT = 2400
Load = dict[str, float]


class LeftOutError(Exception):
    """There is no time left to begin another load, or a page was not ready in the longest time."""


@dataclass
class Turns:
    """Loads of several pages in turns, until the time is over; each is told as it ends."""

    browser: Browser
    rounds: int
    end: float  # of time.monotonic()

    def take(self, ways: Mapping[str, str]) -> dict[str, Load]:
        """Medians by way; those of the rounds before, if the time is over. Raises LeftOutError."""
        loads: dict[str, list[tuple[Load, Load]]] = {way: [] for way in ways}
        for number in range(self.rounds):
            for way in list(ways) if number % 2 == 0 else list(ways)[::-1]:
                if time.monotonic() > self.end:
                    if not number:
                        raise LeftOutError
                    return {way: _summarise(pairs[:number]) for way, pairs in loads.items()}
                try:
                    pair = _load_twice(self.browser, ways[way], CHART.get(way, CHART["ours"]))
                except TimeoutError as error:
                    print(f"{way} was not ready in {LONGEST_SECONDS:.0f} s, and is left out", flush=True)
                    raise LeftOutError from error
                loads[way].append(pair)
                cold, warm = (f"{load['seconds']:.2f} s" for load in pair)
                print(f"{way}, round {number + 1} of {self.rounds}: cold {cold}, warm {warm}", flush=True)
        return {way: _summarise(pairs) for way, pairs in loads.items()}


def measure_curves(turns: Turns) -> dict[str, Any]:
    """Cold and warm loads of Compare and of TensorBoard, in turns."""
    with ExitStack() as stack:
        folder = _make_folder(stack)
        ids = make_runs(RUNS, EPOCHS)
        ours = stack.enter_context(serve_lab(folder)).url + f"/compare?fold=false&ids={','.join(ids)}"
        theirs = stack.enter_context(serve_tensorboard(ids, folder))[0]
        figures = turns.take({"ours": ours, "tensorboard": theirs})
        return {"runs": RUNS, "epochs": EPOCHS} | figures | {"ratio": _divide(*figures.values())}


def measure_study(turns: Turns, trials: int) -> dict[str, Any]:
    """Each figure of ours, and the page of optuna-dashboard that holds it, in turns; what there was time for."""
    figures: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = _make_folder(stack)
        make_study("peers", trials, make_spec(trials=10 * trials, budget=0))
        url = stack.enter_context(serve_lab(folder)).url
        dashboard = stack.enter_context(_serve_dashboard())
        with suppress(LeftOutError):
            for where in dict.fromkeys(FIGURES.values()):
                plots = [plot for plot, held in FIGURES.items() if held == where]
                ours = {str(plot): f"{url}/studies?name=peers&plot={quote(plot)}" for plot in plots}
                found = turns.take({"optuna_dashboard": dashboard + where} | ours)
                theirs = found.pop("optuna_dashboard")
                for plot, load in found.items():
                    figures[plot] = {"ours": load, "optuna_dashboard": theirs, "ratio": _divide(load, theirs)}
    return {"trials": trials, "figures": figures, "left_out": [plot for plot in FIGURES if plot not in figures]}


def _make_folder(stack: ExitStack) -> Path:
    """For runs of its own, which this process sees as the lab's."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "runs").mkdir()
    os.environ["RESNET_LAB_RUNS"] = str(folder / "runs")
    return folder


def _divide(ours: Load, theirs: Load) -> Load:
    return {key: round(ours[key] / theirs[key], 3) for key in ours if theirs[key]}


def _summarise(pairs: list[tuple[Load, Load]]) -> Load:
    named = [
        {
            f"{state}_{key}": value
            for state, load in zip(("cold", "warm"), pair, strict=True)
            for key, value in load.items()
        }
        for pair in pairs
    ]
    return {key: round(statistics.median(load[key] for load in named), 3) for key in named[0]}


def _load_twice(browser: Browser, url: str, chart: str) -> tuple[Load, Load]:
    with browser.new_context(viewport={"width": 1440, "height": HEIGHT}) as context:
        context.add_init_script(WATCH_TASKS)
        loads = []
        for _ in range(2):
            page = context.new_page()
            loads.append(_time_load(page, url, chart))
            page.close()
    return loads[0], loads[1]


def _time_load(page: Page, url: str, chart: str) -> Load:
    """`seconds` until the picture stays, `blocked_seconds` of the longest task, `bytes` received."""
    session = page.context.new_cdp_session(page)
    frames: list[tuple[float, str]] = []
    received = count_bytes(session)

    def keep(frame: dict[str, Any]) -> None:
        frames.append((time.perf_counter(), frame["data"]))
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 60, "maxWidth": 720, "maxHeight": HEIGHT // 2})
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(chart, timeout=1000 * LONGEST_SECONDS)
    _wait_until_still(page, frames, began)
    session.send("Page.stopScreencast")
    blocked = float(page.evaluate("window.longestTask"))
    return {
        "seconds": _find_settled(frames) - began,
        "blocked_seconds": blocked / 1000,
        "bytes": received["bytes"],
    }


def count_bytes(session: CDPSession) -> dict[str, int]:
    """`bytes` and `requests` of the page from now on, over its sockets too; they grow by themselves."""
    received = {"bytes": 0, "requests": 0}

    def count(event: dict[str, Any]) -> None:
        received["bytes"] += int(event["encodedDataLength"]) if "encodedDataLength" in event else _payload(event)

    def note(_: dict[str, Any]) -> None:
        received["requests"] += 1

    session.on("Network.loadingFinished", count)
    session.on("Network.webSocketFrameReceived", count)
    session.on("Network.requestWillBeSent", note)
    session.send("Network.enable")
    return received


def _payload(event: dict[str, Any]) -> int:
    frame = event["response"]
    # Binary frames come as Base64, texts as they are.
    return len(frame["payloadData"]) * 3 // 4 if frame["opcode"] == 2 else len(frame["payloadData"])


def _wait_until_still(page: Page, frames: list[tuple[float, str]], began: float) -> None:
    """Until no frame has changed the picture for a while, measured from the last that did."""
    looked, last, changed = 0, None, began
    while time.perf_counter() - began < LONGEST_SECONDS:
        page.wait_for_timeout(250)
        for at, data in frames[looked:]:
            picture = _decode(data)
            if last is None or _differs(last, picture):
                last, changed = picture, at
        looked = len(frames)
        if frames and time.perf_counter() - changed > STILL_SECONDS:
            return


def _find_settled(frames: list[tuple[float, str]]) -> float:
    """When the last picture came, or one that differs little from it and after which all do."""
    settled, end = frames[-1][0], _decode(frames[-1][1])
    for at, data in reversed(frames):
        if _differs(_decode(data), end):
            break
        settled = at
    return settled


def _decode(data: str) -> npt.NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), np.int16)


def _differs(one: npt.NDArray[np.int16], other: npt.NDArray[np.int16]) -> bool:
    if one.shape != other.shape:
        return True
    return bool((np.abs(one - other).max(-1) > 32).mean() > SETTLED)


@contextmanager
def serve_tensorboard(ids: list[str], folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address and process, once it has read all runs."""
    logs = folder / "logs"
    with tempfile.TemporaryFile() as file:
        write_events([open_run(run_id) for run_id in ids], file)
        zipfile.ZipFile(file).extractall(logs)
    port = find_free_port()
    with _process("tensorboard", f"--logdir={logs}", f"--port={port}", "--host=127.0.0.1") as process:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/data/plugin/scalars/tags", lambda tags: len(tags) == len(ids))
        yield url, process


@contextmanager
def _serve_dashboard() -> Iterator[str]:
    """The address of the study's page in optuna-dashboard."""
    port = find_free_port()
    with _process("optuna-dashboard", storage_url(), f"--port={port}", "--host=127.0.0.1"):
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/api/studies", lambda told: bool(told["study_summaries"]))
        yield f"{url}/dashboard/studies/1"


@contextmanager
def _process(script: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(Path(sys.executable).with_name(script)), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, is_ready: Any) -> None:
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        with suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=5) as answer:
            if is_ready(json.load(answer)):
                return
        time.sleep(0.2)
    raise RuntimeError(f"no answer from {url}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=6.0)
    args = parser.parse_args()
    # What has begun by then still ends, and a study's page takes a while to be made.
    end = time.monotonic() + 60 * args.minutes - SPARE_SECONDS
    figures: dict[str, Any] = {"rounds": args.rounds, "studies": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        turns = Turns(browser, args.rounds, end)
        with suppress(LeftOutError):
            figures["curves"] = measure_curves(turns)
            keep_result("peers", figures)
        for trials in TRIALS:
            if time.monotonic() < end:
                figures["studies"].append(measure_study(turns, trials))
                keep_result("peers", figures)
        browser.close()
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
