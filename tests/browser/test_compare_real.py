"""Which one is really better, on real images: nine runs trained through the queue, and what the page says of them.

The sentence is checked against figures worked out here, by scipy, from the predictions that the runs have stored.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from scipy import special, stats

from core.machine.devices import set_slots
from core.runs.folder import Run
from core.runs.store import open_run
from tests.folders import copy_images
from tests.lab_server import LabServer
from tests.quick_lab import QuickLab

WAIT_MS = 90_000
TRAIN, TEST = 100, 60  # images a class
SEEDS = 3
# Three specs; the second is wider, the third hardly learns.
SPECS = {
    "narrow": [],
    "wide": ["model.layers[*].channels=24"],
    "hardly": ["train.learning_rate=0.0001", "train.optimizer=sgd"],
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def real_lab(images_folder: Path, shared_lab: QuickLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickLab]:
    """A lab whose queue has trained all specs with all seeds."""
    images = copy_images(images_folder, tmp_path_factory.mktemp("real") / "images", TRAIN, TEST)
    settings = [
        "data.dataset=folder",
        f"data.folder={images}",
        "data.image_size=16",
        "train.epochs=3",
        "train.batch_size=32",
        "model.layers[*].channels=8",
        "model.stem_channels=8",
        "model.pool_size=4",
        "train.device=cpu",
    ]
    with shared_lab.chosen():
        set_slots("cpu", 2)
    ids: list[str] = []
    for name, own in SPECS.items():
        flags = [word for setting in [*settings, *own] for word in ("--set", setting)]
        done = shared_lab.command(
            "train", "--preset", "first-look", "--seeds", str(SEEDS), "-d", "--name", name, *flags
        )
        assert done.returncode == 0, done.stderr
        ids += done.stdout.split()
    followed = shared_lab.command("follow", *ids)
    assert followed.returncode == 0, followed.stderr
    yield shared_lab
    shared_lab.clear()


@pytest.fixture
def groups(real_lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Run]]:
    """The runs of each spec, by seed."""
    monkeypatch.setenv("RESNET_LAB_RUNS", str(real_lab.folder / "runs"))
    listed = sorted(json.loads(real_lab.command("runs", "--json").stdout), key=lambda run: run["name"])
    assert [run["state"] for run in listed] == ["finished"] * SEEDS * len(SPECS)
    return {name: [open_run(run["id"]) for run in listed if run["name"].startswith(name)] for name in SPECS}


def correct(run: Run) -> np.ndarray:
    """Right or wrong of each test image, (images,), from what the run has stored."""
    folder = run.path / "predictions"
    return np.load(folder / "test_last.npy").argmax(1) == np.load(folder / "test_labels.npy")


def compare_by_hand(ours: list[Run], theirs: list[Run]) -> tuple[float, float, float]:
    """Difference of mean accuracies in points, and the ends of its 95 % interval: images and seeds as crossed factors.

    Gallas et al. (2007), with Satterthwaite's (1946) degrees of freedom.
    """
    a, b = (np.stack([correct(run) for run in runs]) for runs in (ours, theirs))
    by_image = a.mean(0) - b.mean(0)
    parts = [(by_image.var(ddof=1) / len(by_image), len(by_image) - 1)]
    parts += [(side.mean(1).var(ddof=1) / len(side), len(side) - 1) for side in (a, b)]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts if part)
    low, high = stats.t.interval(0.95, freedom, by_image.mean(), variance**0.5)
    return 100 * by_image.mean(), 100 * low, 100 * high


def open_compare(page: Page, lab: LabServer, runs: list[Run], query: str) -> None:
    page.goto(f"{lab.url}/compare?ids={','.join(run.id for run in runs)}&{query}", timeout=WAIT_MS)


def read_verdict(page: Page, name: str, baseline: str) -> str:
    box = page.locator(".compare-verdict", has_text=f"{name} against {baseline}")
    expect(box).to_be_visible(timeout=WAIT_MS)
    return box.inner_text()


def figures_in(sentence: str) -> list[float]:
    """Points ahead and the interval's ends, as they are said."""
    found = re.search(r"by ([\d.]+) points \(95 % interval (-?[\d.]+) to (-?[\d.]+)\)", sentence)
    assert found, sentence
    return [float(number) for number in found.groups()]


def test_the_sentence_about_groups_is_what_their_predictions_come_to(
    page: Page, real_lab: LabServer, groups: dict[str, list[Run]]
) -> None:
    open_compare(page, real_lab, [run for runs in groups.values() for run in runs], "tab=Is+it+better%3F")
    for name in ("wide", "hardly"):
        difference, low, high = compare_by_hand(groups[name], groups["narrow"])
        sentence = read_verdict(page, name, "narrow")
        ahead, behind = (name, "narrow") if difference >= 0 else ("narrow", name)
        settled = low > 0 or high < 0
        expected = f"{ahead} is better by" if settled else f"Too close to call: {ahead} is ahead of {behind} by"
        assert expected in sentence
        ends = [low, high] if difference >= 0 else [-high, -low]
        assert figures_in(sentence) == pytest.approx([abs(difference), *ends], abs=0.051)
        assert f"{SEEDS} seeds a side on the same {10 * TEST} images" in sentence
    # Whatever the seeds: one that hardly learns is worse, and six hundred images are enough to see it.
    assert "narrow is better by" in read_verdict(page, "hardly", "narrow")


def test_the_sentence_about_two_runs_is_mcnemars_test(
    page: Page, real_lab: LabServer, groups: dict[str, list[Run]]
) -> None:
    base, other = groups["narrow"][0], groups["hardly"][0]
    open_compare(page, real_lab, [base, other], "tab=Is+it+better%3F&fold=false")
    sentence = read_verdict(page, "hardly seed 0", "narrow seed 0")
    a, b = correct(base), correct(other)
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p_value = stats.binomtest(min(only_a, only_b), only_a + only_b).pvalue
    said = re.search(r"exact McNemar p (=|<) ([\d.e-]+)", sentence)
    assert said, sentence
    assert p_value < 0.001 if said[1] == "<" else float(said[2]) == pytest.approx(p_value, rel=0.06)
    bootstrap = stats.bootstrap(
        (a.astype(float) - b.astype(float),), np.mean, method="percentile", n_resamples=4000, rng=0
    ).confidence_interval
    expected = [100 * (a.mean() - b.mean()), 100 * bootstrap.low, 100 * bootstrap.high]
    assert figures_in(sentence) == pytest.approx([abs(each) for each in expected], abs=0.5)


def test_curves_table_and_gallery_are_of_these_runs(
    page: Page, real_lab: LabServer, groups: dict[str, list[Run]]
) -> None:
    runs = groups["narrow"] + groups["hardly"]
    open_compare(page, real_lab, runs, "columns=Test+acc.%2C+last+weights")
    expect(page.get_by_text(f"narrow n = {SEEDS}, hardly n = {SEEDS}")).to_be_visible(timeout=WAIT_MS)
    for name in ("narrow", "hardly"):
        accuracies = [100 * correct(run).mean() for run in groups[name]]
        row = page.locator(".lab-compare tbody tr", has_text=name)
        expect(row).to_contain_text(f"{np.mean(accuracies):.2f} %± {np.std(accuracies, ddof=1):.2f}")

    open_compare(page, real_lab, runs, "tab=Disagreements")
    right, wrong = (sum(correct(run).astype(int) for run in groups[name]) for name in ("narrow", "hardly"))
    count = int(((right > SEEDS / 2) & (wrong < SEEDS / 2)).sum())
    expect(page.get_by_text(f"{count} of {10 * TEST} test images")).to_be_visible(timeout=WAIT_MS)
    tiles = page.locator(".compare-gallery figure")
    expect(page.locator(".compare-gallery img")).to_have_count(min(24, count), timeout=WAIT_MS)
    assert tiles.count() == min(24, count)


def test_a_disagreement_leads_to_the_image_in_its_place(
    page: Page, real_lab: LabServer, groups: dict[str, list[Run]]
) -> None:
    base, other = groups["narrow"][0], groups["hardly"][0]
    open_compare(page, real_lab, [base, other], "tab=Disagreements&fold=false")
    tile = page.locator(".compare-gallery figure").first
    expect(tile.locator("img")).to_be_visible(timeout=WAIT_MS)
    place, said = int(tile.get_attribute("title").removeprefix("Test image ")), tile.locator("b").inner_text()
    tile.locator("a").click()
    expect(page.locator(".lab-gallery button.chosen")).to_contain_text(f"test {place}", timeout=WAIT_MS)
    files = sorted(Path(base.spec.data.folder, "test").glob("*/*.jpg"))
    expect(page.locator(".st-key-data_image_head h3")).to_have_text(f"test/{said}/{files[place].name}")
    assert files[place].parent.name == said


def test_an_ensemble_of_three_seeds_is_held_against_each(
    page: Page, real_lab: LabServer, groups: dict[str, list[Run]]
) -> None:
    runs = groups["wide"]
    logits = np.stack([np.load(run.path / "predictions" / "test_last.npy").astype(float) for run in runs])
    labels = np.load(runs[0].path / "predictions" / "test_labels.npy")
    together = special.softmax(logits, axis=2).mean(0).argmax(1) == labels
    right = int(together.sum())
    interval = stats.binomtest(right, len(labels)).proportion_ci(method="wilson")

    open_compare(page, real_lab, runs, "tab=Ensemble&fold=false&weights=last")
    row = page.get_by_role("row").filter(has_text="Ensemble of 3").first
    expect(row).to_contain_text(f"{100 * right / len(labels):.2f} %", timeout=WAIT_MS)
    expect(row).to_contain_text(f"{100 * interval.low:.2f} to {100 * interval.high:.2f}")
    for run in runs:
        sentence = read_verdict(page, "The ensemble", run.about.name)
        ahead = 100 * (together.mean() - correct(run).mean())
        assert figures_in(sentence)[0] == pytest.approx(abs(ahead), abs=0.051)
        first = "the ensemble" if ahead >= 0 else run.about.name
        assert f"{first} is " in sentence.split("\n")[-1].replace("The ensemble", "the ensemble")


def test_examine_answers_as_the_run_did(page: Page, real_lab: LabServer, groups: dict[str, list[Run]]) -> None:
    run, place = groups["wide"][0], 7
    said = np.load(run.path / "predictions" / "test_last.npy")[place].astype(float)
    classes = run.environment()["class_names"]
    query = f"id={run.id}&weights=last&split=test&tab=Image&image={place}"
    page.goto(f"{real_lab.url}/examine?{query}", timeout=WAIT_MS)
    first = page.locator(".lab-chances .row").first
    expect(first).to_contain_text(classes[int(said.argmax())], timeout=WAIT_MS)
    chance = np.exp(said - said.max()) / np.exp(said - said.max()).sum()
    shown = float(re.search(r"([\d.]+) %", first.inner_text())[1])
    assert shown == pytest.approx(100 * chance.max(), abs=0.2)
    expect(page.locator('[data-testid="stImage"] img')).to_have_count(2)
