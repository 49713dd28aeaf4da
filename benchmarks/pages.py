"""The pages: seconds to the first, memory of their process, a rerun with 10 and 1,000 runs, an epoch's way to the eye.

A rerun is timed over the server's own socket, from the request to "finished", so all of the server's part is in it and
nothing of the browser's. An epoch's delay is timed in a real Chromium, from the line in `metrics.jsonl` to the end of
the drawing that has its point; the page itself tells when, so that nothing but it is busy with looking.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.made_runs import make_runs
from benchmarks.page_client import PageClient
from core.spec import RunSpec
from core.spec.presets import PRESETS
from tests.lab_server import LabServer, serve_lab

PAGES = ("build", "runs", "run", "lab")
COUNTS = (10, 1000)
RERUNS = 40
# Notes in the page when a chart had first drawn an epoch, in milliseconds of the clock.
NOTE_EPOCHS = """
  window.labShown = {};
  const note = (plot) => {
    const lines = (plot._fullData ?? []).filter(({ meta }) => meta?.series === 'val/accuracy');
    for (const { x } of lines) window.labShown[x.at(-1)] ??= performance.timeOrigin + performance.now();
  };
  setInterval(() => {
    for (const plot of document.querySelectorAll('.lab-plot')) {
      if (plot.labNoted || !plot._fullData) continue;
      plot.labNoted = true;
      note(plot);
      plot.on('plotly_afterplot', () => note(plot));
    }
  }, 50);
"""


def measure_pages() -> dict[str, Any]:
    """All figures of this module, by name."""
    figures: dict[str, Any] = {"reruns": {}}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["RESNET_LAB_RUNS"] = str(Path(folder, "runs"))
            Path(folder, "runs").mkdir()
            run_ids = make_runs(count)
            with serve_lab(Path(folder)) as server:
                figures["first_page_seconds"] = _first_page(server)
                figures["reruns"][str(count)] = {page: _reruns(server, page, run_ids[0]) for page in PAGES}
                figures[f"memory_mb_{count}_runs"] = _memory_mb(server)
    figures["epoch_delay"] = measure_epoch_delay()
    return figures


def _first_page(server: LabServer) -> float:
    """Seconds from starting a server to the end of its first page."""
    server.kill()
    seconds = server.start()
    with PageClient(server.url) as client:
        return round(seconds + client.rerun("build")[0], 2)


def _reruns(server: LabServer, page: str, run_id: str) -> dict[str, float]:
    query = f"id={run_id}" if page == "run" else ""
    with PageClient(server.url) as client:
        first, _ = client.rerun(page, query)
        timed = [client.rerun(page, query) for _ in range(RERUNS)]
    milliseconds = sorted(1000 * seconds for seconds, _ in timed)
    return {
        "first_ms": round(1000 * first, 1),
        "median_ms": round(statistics.median(milliseconds), 1),
        "p95_ms": round(milliseconds[int(0.95 * RERUNS)], 1),
        "sent_kb": round(timed[-1][1] / 1000, 1),
    }


def _memory_mb(server: LabServer) -> float:
    assert server.process is not None
    return round(psutil.Process(server.process.pid).memory_info().rss / 1e6, 1)


# An epoch's way to the eye -----------------------------------------------------------------------------------------


def measure_epoch_delay(epochs: int = 25) -> dict[str, float]:
    """Milliseconds from an epoch's line on the disk to its point in the chart, over one run of digits."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS

    with tempfile.TemporaryDirectory() as folder, serve_lab(Path(folder)) as server, sync_playwright() as playwright:
        run_id = _start_run(server, Path(folder), epochs)
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
        page.add_init_script(NOTE_EPOCHS)
        page.goto(f"{server.url}/run?id={run_id}")
        written: dict[int, float] = {}
        metrics = Path(folder, "runs", run_id, "metrics.jsonl")
        watcher = threading.Thread(target=_watch_lines, args=(metrics, epochs, written), daemon=True)
        watcher.start()
        shown: dict[int, float] = {}
        deadline = time.monotonic() + 300
        while max(shown, default=0) < epochs and time.monotonic() < deadline:
            page.wait_for_timeout(500)
            shown = {int(epoch): at / 1000 for epoch, at in page.evaluate("window.labShown").items()}
        watcher.join(timeout=5)
    # Epochs that were over before the page had opened say nothing about it; one that never stood last in the chart came
    # with the next.
    later = {epoch: min(shown[after] for after in shown if after >= epoch) for epoch in range(1, max(shown) + 1)}
    delays = sorted(1000 * (later[epoch] - written[epoch]) for epoch in written if epoch > min(shown))
    return {
        "epochs": len(delays),
        "median_ms": round(statistics.median(delays), 1),
        "p95_ms": round(delays[min(len(delays) - 1, int(0.95 * len(delays)))], 1),
    }


def _start_run(server: LabServer, folder: Path, epochs: int) -> str:
    preset = PRESETS["first-look"].spec
    spec = preset.model_copy(update={"train": preset.train.model_copy(update={"epochs": epochs})})
    path = folder / "spec.json"
    path.write_text(RunSpec.model_dump_json(spec))
    return server.command("train", str(path), "--detach").stdout.splitlines()[0].strip()


def _watch_lines(path: Path, epochs: int, written: dict[int, float]) -> None:
    lines = 0
    while lines < epochs:
        try:
            now = path.read_bytes().count(b"\n")
        except OSError:
            now = 0
        for line in range(lines + 1, now + 1):
            written[line] = time.time()
        lines = now
        time.sleep(0.003)


def print_pages(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Pages (server's part of a rerun, milliseconds)")
    for column in ("page", "runs", "first", "median", "p95", "sent kB"):
        table.add_column(column, justify="left" if column == "page" else "right")
    for count, pages in figures["reruns"].items():
        for page, timing in pages.items():
            table.add_row(
                page, count, *(f"{timing[key]:.0f}" for key in ("first_ms", "median_ms", "p95_ms", "sent_kb"))
            )
    console = Console()
    console.print(table)
    console.print(f"seconds to the first page: {figures['first_page_seconds']}")
    for count in COUNTS:
        console.print(f"memory of the page process with {count:,} runs: {figures[f'memory_mb_{count}_runs']} MB")
    delay = figures["epoch_delay"]
    told = f"median {delay['median_ms']} ms, p95 {delay['p95_ms']} ms, n={delay['epochs']}"
    console.print(f"line of an epoch to its drawn point: {told}")


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    measured = measure_pages()
    print_pages(measured)
    keep_result("pages", measured)
