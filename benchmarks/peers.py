"""Our pages beside TensorBoard's and optuna-dashboard's, in one Chromium, in turns, with the same runs and trials.

Curves: 50 runs of 500 epochs on Compare and on TensorBoard's first page. Study: each figure of a study's page against
optuna-dashboard's page that holds it. Epoch: from its line on the disk to its point in our chart; TensorBoard asks for
new ones every 30 s, if it is told to.

`seconds` are those to the last visual change: of the frames that Chromium composes, the last that is not the picture
that stays, but for `SETTLED` of its pixels: a thin curve is more. They are told by the compositor's clock and looked at
once the page is still, so that looking takes no time from the page. Cold is a browser that knows nothing yet, warm the
same browser once more; each server has shown its page before, and has nothing else to do. Bytes are those that came
over the wire, WebSockets with them; blocked is the longest single task of the page's main thread.

python -m benchmarks.peers [--rounds 3] [--minutes 5]

What is measured is kept at once. When the minutes are over, nothing more is begun: a study then has fewer rounds, which
it tells, and figures for which there was no time at all are named as left out.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, TimeoutError, sync_playwright

from benchmarks.machine import keep_result
from benchmarks.made_runs import make_runs
from benchmarks.pages import measure_epoch_delay
from core.export.tensorboard import write_events
from core.runs.store import open_run
from core.studies.charts.plots import PlotName
from core.studies.storage import storage_url
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.lab_server import find_free_port, serve_lab
from tests.pages.sample_studies import make_spec, make_study

RUNS, EPOCHS, TRIALS = 50, 500, (500, 1000)
SETTLED = 0.0005
STILL_SECONDS, LONGEST_SECONDS, SPARE_SECONDS = 3.0, 90.0, 20.0
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
# What is there once a chart has its data; before that, a page that stands still may only wait.
CHART = {
    "ours": ".lab-plot .scatterlayer path, .lab-plot .barlayer path",
    "tensorboard": "scalar-card tb-data-table-content-row",
    "optuna_dashboard": ".js-plotly-plot .main-svg",
}
# So tall that they are all in sight.
HEIGHT = 2400
IDLE_SHARE = 0.1  # of a core
Load = dict[str, float]
Frame = tuple[float, str]  # when it was composed, in seconds of the clock, and its picture


class LeftOutError(Exception):
    """There is no time left to begin another load, or a page was not ready in the longest time."""


@dataclass
class Turns:
    """Loads of several pages in turns, until the time is over; each is told as it ends."""

    browser: Browser
    rounds: int
    end: float  # of time.monotonic()

    def take(self, ways: Mapping[str, str]) -> tuple[dict[str, Load], int]:
        """Medians by way, of as many rounds as all of them had, and that number; of fewer ways if that is none."""
        loads: dict[str, list[tuple[Load, Load]]] = {way: [] for way in ways}
        with suppress(LeftOutError):
            for way, url in ways.items():
                self._open(url, way, self._show)
            for number in range(self.rounds):
                for way in list(ways) if number % 2 == 0 else list(ways)[::-1]:
                    cold, warm = self._open(ways[way], way, _time_twice)
                    loads[way].append((cold, warm))
                    told = f"cold {cold['seconds']:.2f} s, warm {warm['seconds']:.2f} s"
                    print(f"{way}, round {number + 1} of {self.rounds}: {told}", flush=True)
        whole = max(1, min(len(pairs) for pairs in loads.values()))
        return {way: _summarise(pairs[:whole]) for way, pairs in loads.items() if pairs}, whole

    def _open(self, url: str, way: str, act: Callable[[BrowserContext, str, str], Any]) -> Any:
        """In a browser of its own, as nobody knows it. Raises LeftOutError."""
        if time.monotonic() > self.end:
            raise LeftOutError
        try:
            with self.browser.new_context(viewport={"width": 1440, "height": HEIGHT}) as context:
                return act(context, url, CHART.get(way.partition("/")[0], CHART["ours"]))
        except TimeoutError as error:
            print(f"{way} was not ready in {LONGEST_SECONDS:.0f} s, and is left out", flush=True)
            raise LeftOutError from error

    @staticmethod
    def _show(context: BrowserContext, url: str, chart: str) -> None:
        page = context.new_page()
        page.goto(url, wait_until="commit")
        page.wait_for_selector(chart, state="attached", timeout=1000 * LONGEST_SECONDS)


def measure_curves(turns: Turns) -> dict[str, Any]:
    """Cold and warm loads of Compare and of TensorBoard, in turns."""
    with ExitStack() as stack:
        folder = _make_folder(stack)
        ids = make_runs(RUNS, EPOCHS)
        ours = stack.enter_context(serve_idle_lab(folder)) + f"/compare?fold=false&ids={','.join(ids)}"
        theirs = stack.enter_context(serve_tensorboard(ids, folder))[0]
        figures, rounds = turns.take({"ours": ours, "tensorboard": theirs})
        if len(figures) < 2:
            raise LeftOutError
        facts = {"runs": RUNS, "epochs": EPOCHS, "rounds": rounds}
        return facts | figures | {"ratio": _divide(figures["ours"], figures["tensorboard"])}


def measure_study(turns: Turns, trials: int) -> dict[str, Any]:
    """Each figure of ours, and the page of optuna-dashboard that holds it, in turns; what there was time for."""
    with ExitStack() as stack:
        folder = _make_folder(stack)
        make_study("peers", trials, make_spec(trials=10 * trials, budget=0))
        url = stack.enter_context(serve_idle_lab(folder))
        dashboard = stack.enter_context(_serve_dashboard())
        ways = {f"optuna_dashboard{where}": dashboard + where for where in dict.fromkeys(FIGURES.values())}
        ours = {str(plot): f"{url}/studies?name=peers&plot={quote(plot)}" for plot in FIGURES}
        found, rounds = turns.take(ways | ours)
    figures = {}
    for plot, where in FIGURES.items():
        theirs = found.get(f"optuna_dashboard{where}")
        if theirs and plot in found:
            figures[plot] = {"ours": found[plot], "optuna_dashboard": theirs, "ratio": _divide(found[plot], theirs)}
    left_out = [plot for plot in FIGURES if plot not in figures]
    return {"trials": trials, "rounds": rounds, "figures": figures, "left_out": left_out}


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


def _time_twice(context: BrowserContext, url: str, chart: str) -> tuple[Load, Load]:
    context.add_init_script(WATCH_TASKS)
    loads = []
    for _ in range(2):
        page = context.new_page()
        loads.append(_time_load(page, url, chart))
        page.close()
    return loads[0], loads[1]


def _time_load(page: Page, url: str, chart: str) -> Load:
    """`seconds` to the last visual change, `blocked_seconds` of the longest task, `bytes` received."""
    session = page.context.new_cdp_session(page)
    frames: list[Frame] = []
    received = count_bytes(session)

    def keep(frame: dict[str, Any]) -> None:
        frames.append((frame["metadata"]["timestamp"], frame["data"]))
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 60, "maxWidth": 720, "maxHeight": HEIGHT // 2})
    began = time.time()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(chart, state="attached", timeout=1000 * LONGEST_SECONDS)
    changed = _wait_until_still(page, frames, began)
    session.send("Page.stopScreencast")
    blocked = float(page.evaluate("window.longestTask"))
    return {"seconds": changed - began, "blocked_seconds": blocked / 1000, "bytes": received["bytes"]}


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


def _wait_until_still(page: Page, frames: list[Frame], began: float) -> float:
    """When the last frame came that changed the picture, once none has for a while. Raises TimeoutError."""
    still = time.time()
    while time.time() - began < LONGEST_SECONDS:
        page.wait_for_timeout(1000 * max(0.1, still + STILL_SECONDS - time.time()))
        changed = _find_last_change(frames) if frames else began
        if changed + STILL_SECONDS <= time.time():
            return changed
        still = changed
    raise TimeoutError(f"the picture did not stand still in {LONGEST_SECONDS:.0f} s")


def _find_last_change(frames: Sequence[Frame]) -> float:
    """When the last picture came, or the first of those at the end that differ little from it."""
    (settled, last), end = frames[-1], _decode(frames[-1][1])
    for at, data in reversed(frames):
        if data != last and _differs(_decode(data), end):
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
def serve_idle_lab(folder: Path) -> Iterator[str]:
    """Its address, once the standby worker, which begins to load when the server has begun, has been loaded."""
    with serve_lab(folder) as lab:
        assert lab.process is not None
        server = psutil.Process(lab.process.pid)
        end = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end:
            before, children = processor_seconds(server), len(server.children())
            time.sleep(1)
            if children and processor_seconds(server) - before < IDLE_SHARE:
                break
        yield lab.url


def processor_seconds(server: psutil.Process) -> float:
    """What a server has taken, with its children."""
    seconds = 0.0
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=5.0)
    args = parser.parse_args()
    # What has begun by then still ends, and a study's page takes a while to be made.
    end = time.monotonic() + 60 * args.minutes - SPARE_SECONDS
    figures: dict[str, Any] = {"studies": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        turns = Turns(browser, args.rounds, end)
        with suppress(LeftOutError):
            figures["curves"] = measure_curves(turns)
            keep_result("peers", figures)
        browser.close()
    figures["epoch_delay"] = measure_epoch_delay()
    keep_result("peers", figures)
    with sync_playwright() as playwright:
        turns.browser = browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for trials in TRIALS:
            if time.monotonic() < end:
                figures["studies"].append(measure_study(turns, trials))
            else:
                figures["studies"].append({"trials": trials, "rounds": 0, "figures": {}, "left_out": list(FIGURES)})
            keep_result("peers", figures)
        browser.close()
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
