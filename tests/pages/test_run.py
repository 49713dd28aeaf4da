"""The page of one run says what the run did, how it was measured, and how to do it again."""

import json
import re
import shlex
import shutil
from itertools import pairwise

import pytest
from hypothesis import given, settings

from core.runs.results import closest_preset, sampling_error, write_command
from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.sample_runs import add_checkpoint, make_run, training
from tests.specs import specs


@pytest.mark.parametrize("run_id", ["", "20260101-000000-000-abcdef", "../../etc/passwd", "%00"])
def test_an_address_without_a_run_gets_a_sentence_and_the_way_back(open_page, run_id: str) -> None:
    page = open_page("run", id=run_id) if run_id else open_page("run")
    (sentence,) = re.findall(r'<p class="lab-alert told" role="status">(.*?)</p>', texts(page))
    assert "run" in sentence
    assert labels(page) == ["All runs"]


def test_a_damaged_run_names_its_reason_and_can_be_deleted(open_page) -> None:
    run = make_run()
    (run.path / "spec.json").write_text("{")
    page = open_page("run", id=run.id)
    assert "spec.json" in texts(page)
    assert labels(page) == ["All runs", "Delete"]
    assert page.code[0].value == str(run.path)


def test_a_run_deleted_while_it_is_shown_gets_the_way_back(open_page) -> None:
    run = make_run()
    page = open_page("run", id=run.id)
    shutil.rmtree(run.path)
    page.run()
    assert not page.exception
    assert labels(page) == ["All runs"]


def test_charts_show_all_epochs_of_both_splits(open_page) -> None:
    charts = component_data(open_page("run", id=make_run().id), "resnet_lab_chart")
    assert [chart["title"] for chart in charts] == ["Loss", "Accuracy", "Learning rate", "Images per second"]
    assert [trace["name"] for trace in json.loads(charts[0]["figure"])["data"]] == [
        "training",
        "validation",
        "best epoch 4",
    ]


def test_smoothing_scale_and_axis_come_from_the_address(open_page) -> None:
    charts = component_data(
        open_page("run", id=make_run().id, smooth="0.6", log="true", x="minutes"), "resnet_lab_chart"
    )
    loss = json.loads(charts[0]["figure"])
    assert loss["layout"]["yaxis"]["type"] == "log"
    assert loss["layout"]["xaxis"]["title"]["text"] == "minutes"
    assert len(loss["data"]) == 5  # two raw lines behind the smooth ones, and the ring


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


def test_sampling_error_is_the_binomials() -> None:
    assert sampling_error(0.84, 10_000) == pytest.approx(0.003666, abs=1e-6)
    assert sampling_error(1.0, 100) == 0


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


@settings(max_examples=40)
@given(specs())
def test_any_spec_has_a_command_that_means_it(spec: RunSpec) -> None:
    words = shlex.split(write_command(spec))
    if words[-1] == "spec.json":
        return
    given_settings = [word for before, word in pairwise(words) if before == "--set"]
    assert parse_spec(apply_settings(PRESETS[words[5]].spec.model_dump(mode="json"), given_settings)) == spec


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_recognised_whatever_its_seed(name: str) -> None:
    spec = parse_spec(apply_settings(PRESETS[name].spec.model_dump(mode="json"), ["train.seed=7"]))
    preset, changes = closest_preset(spec)
    assert preset is not None
    assert (preset.name, changes) == (name, 0)


@pytest.mark.parametrize(
    ("state", "offered"),
    [("finished", []), ("stopped", ["Resume"]), ("interrupted", ["Resume"]), ("failed", ["Resume"]), ("pruned", [])],
)
def test_only_what_can_be_done_is_offered(open_page, state: str, offered: list[str]) -> None:
    shown = labels(open_page("run", id=make_run(state).id))
    assert shown == [*offered, "Clone", "Examine", "Archive", "Delete"]


def test_stop_asks_first_and_kills_only_when_pressed_again(open_page) -> None:
    run = make_run(epochs_done=2)
    with training(run):
        page = open_page("run", id=run.id)
        assert "Running" in texts(page)
        press(page, "Stop")
        assert run.stop_requested
        shown = {button.label: button.disabled for button in page.button}
        # A double click meets a button that does nothing.
        assert list(shown)[:2] == ["Stopping", "Stop now"]
        assert shown["Stopping"]


def test_progress_shows_the_step_and_the_time_left(open_page) -> None:
    run = make_run(epochs_done=2)
    progress = {"epoch": 3, "step": 12, "steps": 24, "phase": "train", "loss": 0.5, "seconds_left": 75.0}
    (run.path / "progress.json").write_text(json.dumps(progress))
    with training(run):
        text = texts(open_page("run", id=run.id))
    assert "width:50.00%" in text  # two epochs and a half of five
    assert "step 12 of 24" in text
    assert "1 min 15 s left" in text


def test_name_tags_and_note_are_kept(open_page) -> None:
    run = make_run(name="before", tags=["old"])
    page = open_page("run", id=run.id, tab="Summary")
    page.text_input(key=f"name.{run.id}").set_value("after").run()
    page.multiselect(key=f"tags.{run.id}").set_value([]).run()
    page.text_area(key=f"note.{run.id}").set_value("what I saw").run()
    about = open_run(run.id).about
    assert (about.name, about.tags, about.note) == ("after", (), "what I saw")
    page.text_input(key=f"name.{run.id}").set_value("  ").run()
    assert open_run(run.id).about.name == run.id


def test_archive_and_restore(open_page) -> None:
    run = make_run()
    page = press(open_page("run", id=run.id), "Archive")
    assert run.about.archived
    press(page, "Restore")
    assert not run.about.archived


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


def test_a_run_deleted_between_two_looks_of_the_live_part_gets_the_way_back(
    open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    page = open_page("run", id=run.id)
    monkeypatch.setattr("core.runs.store.open_run", lambda _: run)
    shutil.rmtree(run.path)
    page.run()
    assert not page.exception
    assert labels(page) == ["All runs"]
