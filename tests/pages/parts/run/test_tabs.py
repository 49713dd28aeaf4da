"""The tabs of a run: its curves, figures, spec, log, machine and checkpoints."""

import json
import shlex
from itertools import pairwise

from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import add_checkpoint, make_run


def test_charts_show_all_epochs_of_both_splits(open_page) -> None:
    charts = component_data(open_page("run", id=make_run().id), "resnet_lab_chart")
    assert [chart["title"] for chart in charts] == ["Loss", "Accuracy", "Learning rate", "Images per second"]
    assert [trace["name"] for trace in json.loads(charts[0]["figure"])["data"]] == [
        "training",
        "validation",
        "best epoch 4",
        "pointed at",
    ]


def test_smoothing_scale_and_axis_come_from_the_address(open_page) -> None:
    charts = component_data(
        open_page("run", id=make_run().id, smooth="0.6", log="true", x="minutes"), "resnet_lab_chart"
    )
    loss = json.loads(charts[0]["figure"])
    assert loss["layout"]["yaxis"]["type"] == "log"
    assert loss["layout"]["xaxis"]["title"]["text"] == "minutes"
    assert len(loss["data"]) == 6  # two raw lines behind the smooth ones, the ring, and what the doctor points at


def test_every_figure_says_its_split_its_images_and_its_uncertainty(open_page) -> None:
    text = texts(open_page("run", id=make_run().id, tab="Summary"))
    # 400 validation images: sqrt(0.9 * 0.1 / 400) = 1.5 %
    assert "Best validation accuracy, epoch 4</td><td>90.00 % ± 1.50 %</td><td>validation, 400 images" in text
    assert "Last validation accuracy, epoch 5</td><td>89.00 %" in text
    assert "Test accuracy, last weights</td><td>80.00 % ± 1.33 %</td><td>test, 900 images, once at the end" in text
    assert "Test accuracy, best-on-validation weights (epoch 4)</td><td>82.00 %" in text
    assert "seed 0" in text


def test_a_failed_run_says_why_and_what_to_do(open_page) -> None:
    run = make_run("failed", epochs_done=1, reason="The loss is not a number. Try a lower learning rate.")
    text = texts(open_page("run", id=run.id, tab="Summary"))
    assert "Try a lower learning rate." in text
    assert "Clone the run into Build" in text


def test_what_differs_from_the_preset_is_marked(open_page) -> None:
    page = open_page("run", id=make_run(settings=("train.epochs=5", "model.layers[1].channels=24")).id, tab="Config")
    text = texts(page)
    assert "<tr class=lab-marked><td>Epochs</td><td>5</td><td>6</td>" in text
    assert "<tr><td>Batch size</td><td>64 images</td><td></td>" in text
    assert "<td>24 (32)</td>" in text
    page.toggle(key="differs").set_value(True).run()
    assert "Batch size" not in texts(page)
    assert "Epochs" in texts(page)


def test_the_command_shown_trains_the_same_spec(open_page) -> None:
    run = make_run(
        settings=("train.epochs=3", "train.milestones=[1,2]", "train.nesterov=false", "data.val_fraction=0.2")
    )
    words = shlex.split(open_page("run", id=run.id, tab="Config").code[0].value)
    assert words[:6] == ["python", "-m", "core", "train", "--preset", "first-look"]
    given_settings = [word for before, word in pairwise(words) if before == "--set"]
    assert parse_spec(apply_settings(PRESETS["first-look"].spec.model_dump(mode="json"), given_settings)) == run.spec


def test_markup_in_a_name_or_a_log_is_text(open_page) -> None:
    run = make_run(name="<img src=x onerror=alert(1)> **bold**")
    (run.path / "log.txt").write_text("<script>alert(1)</script>\x1b[31mred\x1b[0m")
    page = open_page("run", id=run.id, tab="Logs")
    text = texts(page)
    assert "<img" not in text
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;red" in text


def test_a_checkpoints_download_is_named_by_its_hash(open_page) -> None:
    run = make_run()
    sha256 = add_checkpoint(run)
    page = open_page("run", id=run.id, tab="Checkpoints")
    assert f"SHA-256 {sha256}" in texts(page)
    (button,) = [button for button in page.get("download_button") if button.label == "Download"]
    assert button is not None


def test_system_shows_the_machine_and_its_use(open_page) -> None:
    page = open_page("run", id=make_run().id, tab="System")
    assert [chart["title"] for chart in component_data(page, "resnet_lab_chart")] == ["Device use", "Memory"]
    assert "A CPU" in texts(page)


def test_no_tab_fails_for_a_run_that_has_nothing_yet(open_page) -> None:
    run = make_run("interrupted", epochs_done=0)
    (run.path / "environment.json").unlink()
    for tab in ("Charts", "Summary", "Config", "Logs", "System", "Checkpoints", "Take away"):
        open_page("run", id=run.id, tab=tab)
