"""The frame: every page is framed and at its own address, failures are calm, and the page process stays small."""

import asyncio
import subprocess
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streamlit.testing.v1 import AppTest

from core.machine.devices import Device
from pages.parts.frame import style

ROOT = Path(__file__).parents[2]


def run_frame() -> AppTest:
    return AppTest.from_file(str(ROOT / "pages" / "main.py"), default_timeout=30).run()


def test_the_frame_counts_runs_and_tells_the_device() -> None:
    page = run_frame()
    assert not page.exception
    status = "".join(element.proto.body for element in page.get("html"))
    assert "<b>0</b> running" in status
    assert "<b>0</b> queued" in status
    assert "free" in status


def test_devices_are_told_in_a_few_words() -> None:
    from pages.main import describe_devices

    def device(name: str, busy: bool) -> Device:
        return Device(name, name, None, None, None, 1, ("run",) if busy else ())

    assert "CPU free" in describe_devices([device("cpu", False)])
    assert "GPU busy" in describe_devices([device("cuda:0", True), device("cpu", False)])
    two = [device("cuda:0", True), device("cuda:1", False), device("cpu", False)]
    assert "1 of 2 GPUs busy" in describe_devices(two)


def test_plotly_is_served_from_its_package_and_may_be_kept() -> None:
    import app

    response = app.serve_plotly(request())
    assert len(response.body) > 1_000_000
    assert "immutable" in response.headers["cache-control"]
    assert style.PLOTLY_PATH.endswith(".min.js")
    assert {route.path for route in app.app._user_routes} >= {style.PLOTLY_PATH, "/lab/health"}


def test_health_answers_without_a_page() -> None:
    import app

    assert wait_for(app.tell_health(request())).body == b'{"status":"ok"}'


def wait_for(answer: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: a browser test before this one leaves its event loop running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, answer).result()


def request() -> Any:
    return SimpleNamespace()


def test_no_page_brings_torch_into_the_server(tmp_path: Path) -> None:
    """In a process of its own: this one may have torch from other tests."""
    script = """
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from streamlit.testing.v1 import AppTest
for name in ("main", "build", "runs", "run", "lab"):
    page = AppTest.from_file(f"pages/{name}.py", default_timeout=60).run()
    assert not page.exception, page.exception
loaded = [name for name in ("torch", "torchvision", "scipy", "sklearn") if name in sys.modules]
assert not loaded, loaded
"""
    env = {"PATH": "/usr/bin:/bin", "RESNET_LAB_RUNS": str(tmp_path / "runs"), "RESNET_LAB_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
