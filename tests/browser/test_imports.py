"""Runs of another tool come in by upload, are looked at, kept, and stand beside ours on Compare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_compare import wait_for
from tests.browser.test_journey import WAIT, read_runs
from tests.lab_server import LabServer
from tests.pages.sample_runs import make_run


def write_table(path: Path, best: float) -> Path:
    rows = [f"{step},{2 / step},{best - 1 / step},{step % 3}" for step in range(1, 31)]
    path.write_text("\n".join(["step,train_loss,val_acc,grad_norm", *rows]) + "\n")
    return path


def test_tables_are_uploaded_looked_at_kept_and_compared_with_a_run_of_ours(
    page: Page, lab: LabServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    ours = make_run(name="Ours")
    files = [write_table(tmp_path / f"theirs-{best}.csv", best) for best in (80, 90)]
    page.goto(f"{lab.url}/runs", timeout=WAIT)
    page.get_by_role("button", name="Import").click(timeout=WAIT)
    page.locator('input[type="file"]').set_input_files(files)
    expect(page.get_by_text("Nothing is kept yet")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("val/accuracy from val_acc (in percent)").first).to_be_visible()
    assert [run["id"] for run in read_runs(lab)] == [ours.id]

    page.keyboard.press("Escape")  # closes the popover
    page.get_by_role("button", name="Import 2 runs").click()
    expect(page.get_by_text("2 runs imported")).to_be_visible(timeout=WAIT)
    imported = {run["id"] for run in read_runs(lab)} - {ours.id}
    assert len(imported) == 2

    page.goto(f"{lab.url}/compare?ids={','.join([ours.id, *sorted(imported)])}", timeout=WAIT)
    wait_for(page, "chart.lines >= 3")
    expect(page.get_by_text("which does not tell the images of its figures")).to_be_visible()
    page.goto(f"{lab.url}/run?id={min(imported)}", timeout=WAIT)
    expect(page.get_by_text(re.compile("without a spec of this lab"))).to_be_visible(timeout=WAIT)
    wait_for(page, "chart.lines >= 1")
    expect(page.get_by_text("3 series")).to_be_visible()
