"""Runs of another tool come in by upload, are looked at, kept, and stand beside ours on Compare."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_compare import wait_for
from tests.browser.test_journey import WAIT, read_runs
from tests.core.imports.made_files import MADE
from tests.lab_server import LabServer
from tests.pages.sample_runs import make_run


def write_table(path: Path, best: float) -> Path:
    rows = [f"{step},{2 / step},{best - 1 / step},{step % 3}" for step in range(1, 31)]
    path.write_text("\n".join(["step,train_loss,val_acc,grad_norm", *rows]) + "\n")
    return path


def zip_events(path: Path) -> Path:
    """Three runs, as the writers of Keras, Lightning and torch left them."""
    with zipfile.ZipFile(path, "w") as archive:
        for run in ("keras3", "lightning", "torch/resumed"):
            for file in (MADE / "tensorboard" / run).rglob("events.*"):
                archive.write(file, file.relative_to(MADE / "tensorboard"))
    return path


def test_runs_of_three_tools_are_uploaded_looked_at_kept_and_compared_with_two_of_ours(
    page: Page, lab: LabServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    ours = {make_run(name=name).id for name in ("Ours", "Ours too")}
    table, events = write_table(tmp_path / "theirs.csv", 80), zip_events(tmp_path / "tensorboard.zip")
    page.goto(f"{lab.url}/runs", timeout=WAIT)
    page.get_by_role("button", name="Import").click(timeout=WAIT)
    page.locator('input[type="file"]').set_input_files([events, MADE / "wandb" / "run-aaaa1111.wandb", table])
    found = "5 runs of TensorBoard, Weights & Biases and a table found. Nothing is kept yet."
    expect(page.get_by_text(found)).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("val/accuracy from val_acc (in percent)").first).to_be_visible()
    assert {run["id"] for run in read_runs(lab)} == ours

    page.keyboard.press("Escape")  # closes the popover
    page.get_by_role("button", name="Import 5 runs").click()
    expect(page.get_by_text("5 runs imported")).to_be_visible(timeout=WAIT)
    imported = {run["name"]: run["id"] for run in read_runs(lab) if run["id"] not in ours}
    assert len(imported) == 5

    page.goto(f"{lab.url}/compare?ids={','.join([*ours, *imported.values()])}", timeout=WAIT)
    wait_for(page, "chart.lines >= 4")  # of accuracy: two runs have a loss only, and ours are seeds of one
    expect(page.get_by_text("none of which tells the images of its figures")).to_be_visible()
    page.goto(f"{lab.url}/run?id={imported['theirs']}", timeout=WAIT)
    expect(page.get_by_text(re.compile("without a spec of this lab"))).to_be_visible(timeout=WAIT)
    wait_for(page, "chart.lines >= 1")
    expect(page.get_by_text("3 series")).to_be_visible()
