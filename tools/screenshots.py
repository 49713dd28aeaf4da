"""Takes a picture of every page in both themes: `python -m tools.screenshots` (needs Chromium).

The runs in the pictures are real: trained here, on digits and, where RESNET_LAB_IMAGES names them, on photographs.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from core.system.folders import PROJECT
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.lab_server import LabServer, serve_lab

PICTURES = PROJECT / "docs" / "screenshots"
SIZE = {"width": 1440, "height": 900}
THEMES = ("light", "dark")
FEW = "data.max_train_images=500"
RUNS = {
    "small": ["train.epochs=8", FEW],
    "wider": ["train.epochs=8", FEW, "model.layers[*].channels=48"],
    "no attention": ["train.epochs=8", FEW, "model.attention=none"],
}
STUDY = ["trials=12", "train.epochs=3", "data.max_train_images=300"]
PHOTOGRAPHS = ["data.dataset=folder", "data.max_train_images=1000", "augment.flip=true", "train.epochs=12"]


def train_runs(lab: LabServer) -> tuple[list[str], str]:
    """Trains the runs of the pictures; returns the ids of the finished ones and that of one that still trains."""
    finished = [start(lab, name, settings, wait=True) for name, settings in RUNS.items()]
    images = os.environ.get("RESNET_LAB_IMAGES")
    last = [f"data.folder={images}", *PHOTOGRAPHS] if images else ["train.epochs=60"]
    return finished, start(lab, "photographs" if images else "long", last, wait=False)


def start(lab: LabServer, name: str, settings: list[str], *, wait: bool) -> str:
    flags = [part for setting in settings for part in ("--set", setting)]
    arguments = ["train", "--preset", "first-look", "--name", name, *flags, *([] if wait else ["--detach"])]
    return lab.command(*arguments).stdout.splitlines()[0].strip()


def search(lab: LabServer) -> str:
    """A short study to its end; returns its name."""
    flags = [part for setting in STUDY for part in ("--set", setting)]
    return lab.command("study", "--preset", "first-look", *flags).stdout.splitlines()[0].strip()


def take(page: Page, address: str, name: str, theme: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    if name == "studies":
        page.locator(".lab-plot .main-svg").first.wait_for(timeout=60_000)
    time.sleep(4)  # charts and sample images are drawn after the page is there
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}-{theme}.png")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serve_lab(Path(folder)) as lab, sync_playwright() as playwright:
        study = search(lab)
        finished, running = train_runs(lab)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        metrics = Path(folder, "runs", running, "metrics.jsonl")
        while not metrics.exists() or metrics.read_bytes().count(b"\n") < 4:
            time.sleep(0.5)
        for theme in THEMES:
            page = browser.new_page(viewport=SIZE, color_scheme=theme)
            for name, path in (
                ("build", "build?preset=report"),
                ("run", f"run?id={running}"),
                ("runs", "runs"),
                ("compare", f"compare?ids={','.join(finished)}"),
                ("examine", f"examine?id={finished[0]}"),
                ("studies", f"studies?name={study}&plot=Slice"),
                ("lab", "lab"),
            ):
                take(page, f"{lab.url}/{path}", name, theme)


if __name__ == "__main__":
    main()
