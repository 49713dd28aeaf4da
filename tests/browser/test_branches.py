"""On real photographs a run is branched at epoch 3 with a tenth of its rate, and both are one line that forks."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.runs.branches import read_branch
from core.runs.store import open_run
from tests.folders import copy_images
from tests.quick_lab import QuickLab

WAIT = 60_000
SETTINGS = {
    "data.dataset": "folder",
    "data.image_size": 16,
    "data.cap_held_out": "true",
    "data.max_train_images": 300,
    "train.epochs": 4,
    "train.batch_size": 32,
    "train.keep_every": 1,
    "train.learning_rate": 0.01,
    "train.precision": "float32",
    "train.device": "cpu",
    "model.layers[*].channels": 8,
    "model.pool_size": 4,
}

pytestmark = pytest.mark.slow


def test_a_branch_at_epoch_3_with_a_tenth_of_the_rate(
    page: Page, lab: QuickLab, images_folder: Path, tmp_path: Path
) -> None:
    images = copy_images(images_folder, tmp_path / "images", 50, 10)
    words = [word for path, value in SETTINGS.items() for word in ("--set", f"{path}={value}")]
    done = lab.command("train", "--preset", "first-look", "-n", "photos", "--set", f"data.folder={images}", *words)
    assert done.returncode == 0, done.stderr
    parent = done.stdout.split()[0]

    page.goto(f"{lab.url}/run?id={parent}&tab=Checkpoints")
    page.get_by_role("button", name="Branch from epoch 3").click(timeout=WAIT)
    expect(page.get_by_text("Branch of photos after epoch")).to_be_visible(timeout=WAIT)
    rate = page.get_by_role("textbox", name="Learning rate")
    rate.fill("0.001")
    rate.press("Enter")
    expect(page.get_by_text("Learning rate 0.01 → 0.001")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name=re.compile("^Start Shortcut")).click()
    page.wait_for_url(re.compile(r"/run\?.*id="), timeout=WAIT)
    tree = page.get_by_role("tree", name="Branches")
    expect(tree.get_by_role("link", name="photos")).to_be_visible(timeout=WAIT)
    expect(tree).to_contain_text("finished · ", timeout=WAIT)

    with lab.chosen():
        branch = open_run(re.search(r"id=([^&]+)", page.url)[1])  # type: ignore[index]
        record = read_branch(branch.path)
        assert record is not None
        assert (record["run"], record["epoch"], record["changes"]) == (
            parent,
            3,
            {"train.learning_rate": [0.01, 0.001]},
        )
        assert branch.rows()[:3] == open_run(parent).rows()[:3]
    page.goto(f"{lab.url}/run?id={branch.id}")
    names = "() => document.querySelector('.js-plotly-plot')?.data?.map(trace => trace.name) ?? []"
    page.wait_for_function(f"({names})().includes('fork at epoch 3')", timeout=WAIT)
    assert {"photos", "fork at epoch 3"} <= set(page.evaluate(names))
