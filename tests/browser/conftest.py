"""A real Chromium and a real server; skipped where there is no Chromium, unless it is demanded."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab_server import LabServer, serve_lab
from tests.quick_lab import QuickLab, serve_quickly

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Chromium heeds the last of such lists alone: Playwright's own, and the address bar's popups, which each window would
# load in a renderer of their own: half of what an empty page costs.
FEATURES = [
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "PreloadTopChromeWebUI",
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
]
FLAGS = [
    f"--disable-features={','.join(FEATURES)}",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nobody outside is asked for anything; what a page asks for is seen all the same, and fails at once.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


# Two groups of about the same length, one for each of two processes; the rest of them are in faults and security.
TRAINING = {"test_journey", "test_page_switch", "test_studies", "test_study_report", "test_travel"}


# First: xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            group = "training" if item.path.stem in TRAINING else "pages"
            item.add_marker(pytest.mark.xdist_group(f"browser-{group}"))


@pytest.fixture(scope="session", autouse=True)
def require_chromium() -> None:
    if CHROMIUM:
        return
    message = "no Chromium on this machine: apt-get install chromium (Debian), then run the tests again"
    if os.environ.get("RESNET_LAB_REQUIRE_BROWSER"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    # Nothing moves: to draw every frame of a transition costs a third of what a page does.
    return {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture
def own_lab(tmp_path: Path) -> Iterator[LabServer]:
    """A server with runs and data folders of its own, and workers as it starts them."""
    with serve_lab(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickLab]:
    """One server for all whose subject is a page; its workers start in milliseconds."""
    with serve_quickly(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab(shared_lab: QuickLab) -> Iterator[QuickLab]:
    """The shared server, on empty folders."""
    yield shared_lab
    shared_lab.clear()
