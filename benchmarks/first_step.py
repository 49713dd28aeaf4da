"""From pressing Start to the first step done: a real click in Chromium, a fresh worker, its imports, its images.

Pressed at once, as soon as the page stands, some moments after the run before has ended; by somebody who shapes a
network first, while which a worker has loaded its libraries; and where no worker waits, because the one that did has
just ended. The end is what the worker itself reports after its first batch. The first start of all is left out of the
figures and told by itself: it reads files that the system keeps in memory from then on, and decodes an image folder.

    RESNET_LAB_IMAGES=... python -m benchmarks.first_step --starts 5
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.machine import keep_result
from core.spec import RunSpec
from core.spec.link import to_link
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.system import files
from tests.forked_server import ROOT
from tests.lab_server import LabServer, serve_lab

LIMIT_SECONDS, DATA_LIMIT_SECONDS = 4.0, 1.0
_WAIT_SECONDS = 300
START = re.compile("^Start Shortcut")


def list_specs() -> dict[str, RunSpec]:
    """The first look at digits, and the report's network on an image folder where one is at hand."""
    specs = {"digits": PRESETS["first-look"].spec}
    if folder := os.environ.get("RESNET_LAB_IMAGES"):
        report = PRESETS["report"].spec.model_dump(mode="json")
        specs["folder"] = parse_spec(report | {"data": {"dataset": "folder", "folder": folder}})
    return specs


def press_start(page: Any, server: LabServer, spec: RunSpec, waiting: str = "as it is") -> float:
    """Seconds from the click to the first step of the run that it makes, which is then stopped.

    The worker that waits is left as it is, or has first `loaded` all, or is `gone`.
    """
    page.goto(f"{server.url}/build?spec={to_link(spec)}")
    button = page.get_by_role("button", name=START)
    button.wait_for()
    page.get_by_test_id("parameters").wait_for()
    page.get_by_test_id("stStatusWidget").wait_for(state="hidden")
    if waiting == "loaded":
        _wait_for_standby(server)
    elif waiting == "gone":
        for process in _find_standby(server):
            process.kill()
    known = _list_runs(server)
    began = time.perf_counter()
    button.click()
    while not (new := _list_runs(server) - known):
        _wait(began)
    folder = server.folder / "runs" / new.pop()
    while not _has_stepped(folder):
        _wait(began)
    seconds = time.perf_counter() - began
    (folder / "stop").touch()
    while not (folder / "end.json").exists():
        _wait(began)
    return seconds


def _wait_for_standby(server: LabServer) -> None:
    """Until the worker that waits has loaded what it loads: it does not use the processor any more."""
    began, used = time.perf_counter(), -1.0
    while True:
        _wait(began, 1.0)
        before = used
        for process in _find_standby(server):
            with suppress(psutil.Error):
                used = sum(process.cpu_times()[:2])
        if used == before > 1:
            return


def _find_standby(server: LabServer) -> list[psutil.Process]:
    assert server.process
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if {"core.worker", "--standby"} <= set(process.cmdline()):
                found.append(process)
    return found


def _list_runs(server: LabServer) -> set[str]:
    return {path.name for path in (server.folder / "runs").iterdir() if not path.name.startswith(".")}


def _has_stepped(folder: Path) -> bool:
    progress = files.find_json(folder / "progress.json") or {}
    return progress.get("phase") == "train" and bool(progress.get("step"))


def _wait(began: float, seconds: float = 0.005) -> None:
    if time.perf_counter() - began > _WAIT_SECONDS:
        raise TimeoutError("the run did not come to its first step")
    time.sleep(seconds)


def load_in_new_process(server: LabServer, spec: RunSpec) -> float:
    """Seconds in which a fresh process has the images of a spec that were read before, imports left out."""
    code = (
        "import sys, time; from core.engine.data import load_data; from core.spec.parse import parse_spec; import json;"
        "spec = parse_spec(json.load(sys.stdin)); began = time.perf_counter(); load_data(spec.data);"
        "print(time.perf_counter() - began)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=spec.model_dump_json(),
        cwd=ROOT,
        env=server.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def measure(starts: int) -> list[dict[str, Any]]:
    """The figures of each spec."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    found = []
    with tempfile.TemporaryDirectory() as folder, serve_lab(Path(folder)) as server, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
        for name, spec in list_specs().items():
            first, *others = [press_start(page, server, spec) for _ in range(starts + 1)]
            prepared = [press_start(page, server, spec, "loaded") for _ in range(starts)]
            alone = [press_start(page, server, spec, "gone") for _ in range(starts)]
            data = [load_in_new_process(server, spec) for _ in range(starts)]
            found.append(
                {
                    "images": name,
                    "first_start_seconds": round(first, 2),
                    "start_seconds": round(statistics.median(others), 2),
                    "slowest_start_seconds": round(max(others), 2),
                    "prepared_start_seconds": round(statistics.median(prepared), 2),
                    "slowest_prepared_start_seconds": round(max(prepared), 2),
                    "alone_start_seconds": round(statistics.median(alone), 2),
                    "slowest_alone_start_seconds": round(max(alone), 2),
                    "data_seconds": round(statistics.median(data), 2),
                    "limit_seconds": LIMIT_SECONDS,
                    "data_limit_seconds": DATA_LIMIT_SECONDS,
                    "starts": starts,
                }
            )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=5)
    found = measure(parser.parse_args().starts)
    table = Table("", *[figures["images"] for figures in found], title="Start to first step")
    for name in list(found[0])[1:]:
        table.add_row(name.replace("_", " "), *[str(figures[name]) for figures in found])
    Console().print(table)
    keep_result("first-step", {"specs": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
