"""Hostile texts on every page, in a real Chromium: shown as typed, and nothing comes of them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.runs.listing import list_runs
from core.spec.link import pack, to_link
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from core.studies.study import list_studies
from tests.browser.conftest import (
    browser_context_args,
    browser_type_launch_args,
    require_chromium,
)
from tests.examined import CLASSES
from tests.folders import make_folder
from tests.lab_server import ROOT, LabServer, find_free_port
from tests.pages.sample_studies import make_study
from tests.quick_lab import serve_quickly
from tests.security.hostile_runs import make_hostile, make_noted, study_names
from tests.security.hostile_text import ALL, BEACON, MARKDOWN, as_file_name

__all__ = ["browser_context_args", "browser_type_launch_args", "require_chromium"]

WAIT = 60_000
Record = Callable[[str], None]


@dataclass
class Watched:
    """A page and whatever it did that no text should make it do."""

    page: Page
    host: str
    asked: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    loads: int = 0

    def __post_init__(self) -> None:
        self.page.on("request", self._note_request)
        self.page.on("dialog", self._note_dialog)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note_console)

    def _note_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.asked.append(request.url)

    def _note_dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _note_console(self, message: Any) -> None:
        if "Content Security Policy" in message.text or BEACON in message.text:
            self.blocked.append(message.text)

    def open(self, lab: LabServer, address: str) -> Page:
        """Opens a page and waits until it is there and has settled."""
        self.page.goto(f"{lab.url}/{address}")
        self.settle()
        self.loads += 1
        return self.page

    def settle(self) -> None:
        self.page.wait_for_selector('[data-testid="stMain"]', timeout=WAIT)
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=WAIT)
        self.page.wait_for_timeout(100)  # pictures of a text that was taken for markup would be asked for by now

    def harm(self) -> list[str]:
        pwned = self.page.evaluate("window.pwned")
        return [*self.asked, *self.dialogs, *self.errors, *self.blocked, *(["a script ran"] if pwned else [])]

    def too_wide(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def hostile_lab(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    """A server whose runs, studies, classes and image folders bear all the names."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # 600 files that need not outlast a power cut
    for index, text in enumerate(ALL):
        classes = [ALL[(index + number) % len(ALL)] for number in range(CLASSES)]
        make_hostile(text, classes) if index % 16 == 0 else make_noted(text)
    for text in study_names()[::12]:
        make_study(text, 6)
    folder = lab_folders / "images"
    for text in {as_file_name(text) for text in ALL}:
        make_folder(folder, {text: 1})
    broken = make_folder(lab_folders / "broken", {as_file_name(text): 1 for text in ALL[:3]})
    for path in broken.rglob("*.png"):
        path.write_text("no picture")
    with serve_quickly(lab_folders) as server:
        yield server


def folder_link(folder: Path, classes: int) -> str:
    plain = PRESETS["first-look"].spec.model_dump(mode="json")
    settings = ["data.dataset=folder", f"data.folder={folder}", f"data.folder_classes={classes}"]
    return to_link(parse_spec(apply_settings(plain, settings)))


def addresses(lab_folders: Path, full: bool) -> Iterator[str]:
    """The pages on which the texts stand, and those whose address holds one."""
    runs, studies = list_runs(), [study.name for study in list_studies()]
    examined = [run.id for run in runs if (run_folder(run.id) / "predictions").is_dir()]
    ids = [run.id for run in runs]
    yield f"runs?select={','.join(ids[:12])}"
    for tab in COMPARE_TABS if full else COMPARE_TABS[:1]:
        for start in range(0, len(ids) if full else 1, 20):
            yield f"compare?{urlencode({'ids': ','.join(ids[start : start + 20]), 'tab': tab})}"
    for run_id, tab in [(run_id, tab) for run_id in ids for tab in ("Summary", "System")] if full else []:
        yield f"run?id={run_id}&tab={tab}"
    tabs = ("Classes", "Confidence", "History", "Image")
    for run_id, tab in [(run_id, tab) for run_id in examined for tab in tabs] if full else [(examined[0], tabs[0])]:
        yield f"examine?id={run_id}&tab={tab}&cell=0-1"
    for name in studies if full else studies[1:2]:
        yield f"studies?{urlencode({'name': name})}"
    yield from ("studies", "lab")
    for folder in ("images", "broken") if full else ("broken",):
        count = len(list((lab_folders / folder).iterdir()))
        yield f"build?spec={folder_link(lab_folders / folder, count)}"
    for text in ALL if full else MARKDOWN[:1]:
        # The names of a section, a field and a choice.
        yield f"build?spec={pack({text: 1, 'train': {text: text, 'optimizer': text}})}"
        for page, param in (
            ("build", "preset"),
            ("build", "clone"),
            ("studies", "name"),
            ("studies", "new"),
            ("runs", "q"),
        ):
            if full or (page, param) == ("build", "preset"):
                yield f"{page}?{urlencode({param: text})}"


COMPARE_TABS = ("Parallel", "Curves", "What differs", "Is it better?", "Scatter", "Disagreements")


def run_folder(run_id: str) -> Path:
    return Path(os.environ["RESNET_LAB_RUNS"]) / run_id


@pytest.mark.browser
@pytest.mark.xdist_group("browser-pages")
@pytest.mark.promise(
    19,
    "Whatever people write in names, notes, tags, classes and addresses is shown as text and does nothing.",
    how="texts of HTML, Markdown, TeX, directives, formulas and terminal codes on every page, in Chromium",
    control="`test_the_same_texts_as_markdown_do_harm`",
)
def test_texts_are_shown_as_typed_and_do_nothing(
    page: Page, lab_folders: Path, hostile_lab: LabServer, full: bool, record_figure: Record
) -> None:
    watched = Watched(page, urlsplit(hostile_lab.url).netloc)
    shown: list[str] = []
    for number in (1, 2):
        watched.open(hostile_lab, f"runs?page={number}")
        page.wait_for_selector(".lab-runs tbody tr", timeout=WAIT)
        expect(page.get_by_text("older runs for the first time")).to_have_count(0, timeout=WAIT)
        shown += page.eval_on_selector_all(".lab-runs td.kind-name a", "links => links.map(link => link.textContent)")
        heights = page.eval_on_selector_all(".lab-runs tbody tr", "rows => rows.map(row => row.offsetHeight)")
        assert max(heights) <= 2 * min(heights), heights
        tags = page.eval_on_selector_all(".lab-runs .tag", "tags => tags.map(tag => tag.textContent)")
        assert {text[:60] for text in ALL} | {text[:60].strip() for text in ALL} >= set(tags)
    assert sorted(shown) == sorted(text.strip() for text in ALL)
    for address in addresses(lab_folders, full):
        watched.open(hostile_lab, address)
        assert watched.harm() == [], address
        assert watched.too_wide() <= 0, address
    check_notes(watched, hostile_lab)
    check_dialog(watched, hostile_lab)
    check_uploads(watched, hostile_lab, full)
    check_phone(watched, hostile_lab, full)
    assert watched.harm() == []
    record_figure(
        f"{len(ALL)} texts, {watched.loads} page loads: 0 dialogs, 0 scripts, 0 requests off the host, none tried"
    )


def check_notes(watched: Watched, lab: LabServer) -> None:
    """A note is typed back as it was."""
    run = next(run for run in list_runs() if run.name == ALL[2])
    page = watched.open(lab, f"run?id={run.id}&tab=Summary")
    expect(page.get_by_role("textbox", name="Note")).to_have_value(ALL[2], timeout=WAIT)
    expect(page.get_by_role("textbox", name="Name")).to_have_value(ALL[2], timeout=WAIT)


def check_dialog(watched: Watched, lab: LabServer) -> None:
    """The question before runs are deleted names them."""
    ids = [run.id for run in list_runs()][:8]
    page = watched.open(lab, f"runs?select={','.join(ids)}")
    page.get_by_role("button", name="Delete", exact=True).click(timeout=WAIT)
    expect(page.get_by_role("dialog").locator("li")).to_have_count(8, timeout=WAIT)
    page.wait_for_timeout(250)
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()


def check_uploads(watched: Watched, lab: LabServer, full: bool) -> None:
    """Files of such names, dropped where an image and where a spec is taken."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    run = next(run for run in list_runs() if (run_folder(run.id) / "predictions").is_dir())
    page = watched.open(lab, f"examine?id={run.id}&tab=Image&source=own")
    for text in ALL[:: 9 if full else 40]:
        file = {"name": as_file_name(text) + ".png", "mimeType": "image/png", "buffer": buffer.getvalue()}
        page.locator('input[type="file"]').first.set_input_files(file, timeout=WAIT)
        expect(page.get_by_text("It stays in memory").first).to_be_visible(timeout=WAIT)
    watched.settle()


def check_phone(watched: Watched, lab: LabServer, full: bool) -> None:
    """The same on a narrow screen."""
    watched.page.set_viewport_size({"width": 420, "height": 800})
    ids = ",".join(run.id for run in list_runs()[:12])
    run_id = list_runs()[-1].id
    pages = [f"compare?ids={ids}", f"runs?select={ids}", f"run?id={run_id}&tab=Summary", "studies", "lab"]
    for address in pages if full else pages[:1]:
        watched.open(lab, address)
        assert watched.too_wide() <= 0, address


@pytest.mark.browser
@pytest.mark.xdist_group("browser-pages")
def test_the_same_texts_as_markdown_do_harm(page: Page, tmp_path: Path) -> None:
    """Handed to `st.markdown` and a frame, without the door's policy, they ask elsewhere and open dialogs."""
    script = tmp_path / "plain.py"
    script.write_text(
        "import streamlit as st\nfrom tests.security.hostile_text import HTML, MARKDOWN\n"
        "for text in MARKDOWN:\n    st.markdown(text)\n"
        "st.components.v1.html('\\n'.join(HTML[:4]), height=300)\n"
    )
    with serve_script(script) as url:
        watched = Watched(page, urlsplit(url).netloc)
        page.goto(url)
        end = time.monotonic() + WAIT / 1000
        while not (watched.dialogs and any(BEACON in address for address in watched.asked)):
            assert time.monotonic() < end, watched.harm()
            page.wait_for_timeout(100)


@contextmanager
def serve_script(script: Path) -> Iterator[str]:
    """Any page by Streamlit, as it comes."""
    port = find_free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    options = ["--server.headless=true", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (script.parent / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], cwd=script.parent, env=environment, stdout=log, stderr=log)
    try:
        wait_until_served(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def wait_until_served(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
