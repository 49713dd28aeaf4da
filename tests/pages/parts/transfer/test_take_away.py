"""What leaves and what comes in, from the pages: nothing is made unasked, and trouble is a sentence at its place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.export import model
from core.export.formats import FORMATS, Order
from core.export.outbox import find_file
from core.runs.folder import Run
from pages.parts.transfer.jobs import Job
from tests.bundles import make_whole_run
from tests.core.workers import wait_for
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import make_run, training


def download(page: AppTest, key: str) -> None:
    """Presses the button of a format."""
    button = next(button for button in page.button if (button.key or "").startswith(f"take_get.{key}."))
    assert not button.disabled
    button.click().run()
    assert not page.exception, page.exception


def wait_until_made(page: AppTest) -> None:
    """What the browser's ticks do: looks again until nothing is being made."""
    jobs: dict[object, Job] = page.session_state["take_away.jobs"]
    wait_for(lambda: all(job.is_over() for job in jobs.values()))
    page.run()
    assert not page.exception, page.exception


def links(page: AppTest) -> list[dict]:
    return component_data(page, "resnet_lab_fetch")


def content(link: dict) -> bytes:
    file = find_file(link["address"].split("/")[-2])
    assert file is not None
    return file.read_bytes()


@pytest.fixture
def run() -> Run:
    return make_whole_run(name="<b>A run</b>")


def test_every_format_stands_there_with_what_it_is_for_and_nothing_is_made(
    open_page: Callable[..., AppTest], run: Run, own_folders: Path
) -> None:
    page = open_page("run", id=run.id, tab="Take away")
    text = texts(page)
    shown = [format for format in FORMATS.values() if format.least == 1]
    for format in shown:
        assert f'{format.title}</b> <span class="lab-muted lab-small">{format.purpose}' in text
    assert [button.label for button in page.button].count("Download") == len(shown)
    assert not (own_folders / "runs" / ".outbox").exists()
    assert links(page) == []


@pytest.mark.parametrize("key", ["csv", "tensorboard", "html", "zip"])
def test_one_click_makes_a_file_and_hands_it_over(open_page: Callable[..., AppTest], run: Run, key: str) -> None:
    page = open_page("run", id=run.id, tab="Take away")
    download(page, key)
    wait_until_made(page)
    (link,) = links(page)
    assert link["name"] == f"{run.file_stem}{FORMATS[key].suffix}"
    assert link["fresh"]
    assert len(content(link)) > 100
    assert link["label"].startswith(link["name"])


def test_a_model_leaves_with_the_weights_chosen_and_its_note_stands_beside_it(
    open_page: Callable[..., AppTest], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def write(order: Order, path: Path) -> str:
        assert go_on.wait(30)
        path.write_text(order.checkpoint)
        return "Logits differ by at most 1e-7."

    monkeypatch.setattr(model, "write_onnx", write)
    page = open_page("run", id=run.id, tab="Take away")
    page.segmented_control(key=f"take.weights.{run.id}").set_value("last").run()
    download(page, "onnx")
    busy = [button for button in page.button if button.label.startswith("Preparing")]
    assert [button.disabled for button in busy] == [True]
    go_on.set()
    wait_until_made(page)
    assert content(links(page)[0]) == b"last"
    assert "Logits differ by at most 1e-7." in texts(page)
    # The other weights are another file.
    page.segmented_control(key=f"take.weights.{run.id}").set_value("best").run()
    assert links(page) == []


def test_a_run_folder_leaves_with_or_without_its_checkpoints(open_page: Callable[..., AppTest], run: Run) -> None:
    page = open_page("run", id=run.id, tab="Take away")
    sizes = []
    for wanted in (True, False):
        page.toggle(key=f"take.checkpoints.{run.id}").set_value(wanted).run()
        download(page, "zip")
        wait_until_made(page)
        sizes.append(len(content(links(page)[0])))
    assert sizes[1] < sizes[0]


def test_what_cannot_be_made_says_why_at_its_place(open_page: Callable[..., AppTest]) -> None:
    run = make_run("interrupted", epochs_done=0)
    page = open_page("run", id=run.id, tab="Take away")
    for key in ("csv", "onnx"):
        download(page, key)
        wait_until_made(page)
    text = texts(page)
    assert "No epoch has ended yet, so there are no curves to take away." in text
    assert "no epoch of it has ended" in text
    assert links(page) == []


def test_a_run_that_trains_leaves_as_it_stands_and_says_so(open_page: Callable[..., AppTest], run: Run) -> None:
    with training(run):
        page = open_page("run", id=run.id, tab="Take away")
        download(page, "zip")
        wait_until_made(page)
        assert "it is packed as it stood, and arrives as stopped" in texts(page)


def test_runs_that_are_compared_leave_together(open_page: Callable[..., AppTest]) -> None:
    ids = [make_run(name=name).id for name in ("one", "two")]
    page = open_page("compare", ids=",".join(ids))
    download(page, "csv")
    wait_until_made(page)
    text = content(links(page)[0]).decode()
    assert all(f"{run_id},{name}," in text for run_id, name in zip(ids, ("one", "two"), strict=True))
    download(page, "html")
    wait_until_made(page)
    assert any(link["name"].endswith(".html") for link in links(page))
