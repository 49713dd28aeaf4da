"""The Examine page's answers about one image: the first after the server's start, and those that follow.

Timed over the server's own socket, from asking for the page to its end, with the network's answer and its Grad-CAM in
it: all of the server's part and of the helper process's, nothing of the browser's drawing. The first is of a server
that has just started, so that the helper process is started, too, and imports torch, loads network and images.
With RESNET_LAB_IMAGES, a folder of 60,000 real images is examined as well.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.page_client import PageClient
from tests.lab_server import LabServer, serve_lab

STARTS, NEXT = 3, 20
LIMITS_MS = {"first_answer": 5000, "next_answer": 300}
# Hardly trained: how well it answers makes no difference to how soon. 2.65 million parameters.
NETWORK = ["--preset", "report", "--set", "train.epochs=1", "--set", "data.max_train_images=200"]


def measure_examine() -> dict[str, Any]:
    """Milliseconds by data set, with the limits they are held to."""
    figures: dict[str, Any] = {"limits_ms": LIMITS_MS, "digits": _measure(["data.dataset=digits"])}
    if images := os.environ.get("RESNET_LAB_IMAGES"):
        figures["folder_of_60000"] = _measure(["data.dataset=folder", f"data.folder={images}"])
    return figures


def _measure(settings: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, serve_lab(Path(folder)) as server:
        run_id = _train(server, settings)
        query = f"id={run_id}&tab=Image"
        firsts = [_time_first(server, query) for _ in range(STARTS)]
        with PageClient(server.url) as client:
            client.rerun("examine", query)
            images = [1000 * client.rerun("examine", f"{query}&image={place}")[0] for place in range(1, NEXT + 1)]
            edits = [1000 * client.rerun("examine", f"{query}&turn={angle}&blur=1")[0] for angle in range(1, NEXT + 1)]
    return {
        "first_answer_ms": {"median": round(statistics.median(firsts), 1), "slowest": round(max(firsts), 1)},
        "next_image_ms": _sum_up(images),
        "next_edit_ms": _sum_up(edits),
    }


def _train(server: LabServer, settings: list[str]) -> str:
    flags = [word for setting in settings for word in ("--set", setting)]
    done = server.command("train", *NETWORK, *flags)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.split()[0]


def _time_first(server: LabServer, query: str) -> float:
    """Milliseconds of the very first page of a server."""
    server.kill()
    server.start()
    with PageClient(server.url) as client:
        return 1000 * client.rerun("examine", query)[0]


def _sum_up(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {"median": round(statistics.median(ordered), 1), "p95": round(ordered[int(0.95 * len(ordered))], 1)}


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    measured = measure_examine()
    print(json.dumps(measured, indent=2))
    keep_result("examine", measured)
