"""The Build page: what is shaped is what is counted, what is wrong is named, and one click is one run."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.listing import list_runs
from core.runs.store import publish_run
from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.link import from_link, to_link
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from pages.parts.build import samples, start_panel
from pages.parts.build.start_panel import read_tags
from tests.made_runs import create_run
from tests.pages.build_page import (
    choose_preset,
    draft_of,
    key_of,
    layer_key,
    parameters_shown,
    problems_shown,
    set_number,
)
from tests.pages.conftest import labels, press, texts

OpenPage = Callable[..., AppTest]
TINY_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fe"
    "0def46b80000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the page asked the assistant for; the answer is there at once."""
    asked: list[dict[str, object]] = []

    def answer(target: str, **kwargs: object) -> "Future[bytes]":
        asked.append({"target": target, **kwargs})
        future: Future[bytes] = Future()
        future.set_result(TINY_PNG)
        return future

    samples._request.clear()
    monkeypatch.setattr(samples, "call", answer)
    return asked


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start makes the run's folder, but no worker."""
    monkeypatch.setattr(start_panel, "start_run", lambda *made, click_key: publish_run(*made, click_key)[0])


def test_first_visit_shows_a_network_that_needs_no_download(open_page: OpenPage) -> None:
    page = open_page("build")
    assert parameters_shown(page) == cost_of(PRESETS["first-look"].spec).parameters
    assert "Start" in labels(page)
    assert problems_shown(page) == []


def test_parameters_shown_equal_the_cost_of_every_preset(open_page: OpenPage) -> None:
    page = open_page("build")
    for name, preset in PRESETS.items():
        choose_preset(page, name)
        assert draft_of(page).good == preset.spec
        assert parameters_shown(page) == cost_of(preset.spec).parameters
        assert preset.source in texts(page)


def test_a_number_typed_changes_the_count(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    set_number(page, layer_key(page, 2, "channels"), 128)
    wanted = parse_spec(
        apply_settings(PRESETS["report"].spec.model_dump(mode="json"), ["model.layers[2].channels=128"])
    )
    assert draft_of(page).good == wanted
    assert parameters_shown(page) == cost_of(wanted).parameters


def test_an_even_filter_is_named_at_its_layer_and_blocks_start(open_page: OpenPage) -> None:
    page = open_page("build")
    before = parameters_shown(page)
    set_number(page, layer_key(page, 1, "filter_size"), 4)
    assert "Layer 2 filter must be odd, so that padding keeps the size." in problems_shown(page)
    assert next(button for button in page.button if button.label == "Start").disabled
    assert parameters_shown(page) == before, "the cost is that of the last network that can be run"
    assert "lab-stale" in texts(page)
    set_number(page, layer_key(page, 1, "filter_size"), 5)
    assert problems_shown(page) == []
    assert "lab-stale" not in texts(page)


def test_a_number_out_of_range_is_named_at_its_field(open_page: OpenPage) -> None:
    page = set_number(page := open_page("build"), key_of(page, "train.epochs"), 0)
    assert "Epochs must be at least 1." in problems_shown(page)


def test_a_rule_between_fields_is_named_where_it_can_be_mended(open_page: OpenPage) -> None:
    page = set_number(page := open_page("build"), key_of(page, "model.pool_size"), 9)
    assert "Pool size is larger than the last map, 8x8." in problems_shown(page)


def test_layers_are_added_duplicated_and_removed(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    press(page, "Add layer")
    assert [layer.channels for layer in draft_of(page).good.model.layers] == [32, 128, 256, 512]
    press(page, "Duplicate layer 1")
    layers = draft_of(page).good.model.layers
    assert [layer.channels for layer in layers] == [32, 32, 128, 256, 512]
    assert layers[1].stride == 1
    press(page, "Remove layer 3")
    assert [layer.channels for layer in draft_of(page).good.model.layers] == [32, 32, 256, 512]
    assert parameters_shown(page) == cost_of(draft_of(page).good).parameters
    shown = [page.number_input(key=layer_key(page, place, "channels")).value for place in range(4)]
    assert shown == [32, 32, 256, 512]


def test_the_last_layer_cannot_be_removed(open_page: OpenPage) -> None:
    page = open_page("build")
    press(page, "Remove layer 1")
    press(page, "Remove layer 1")
    assert next(button for button in page.button if button.label == "Remove layer 1").disabled


def test_a_link_fills_the_form_and_the_form_keeps_the_link(open_page: OpenPage) -> None:
    spec = parse_spec(
        apply_settings(PRESETS["preact-se-20x4"].spec.model_dump(mode="json"), ["train.epochs=70", "augment.mixup=0.2"])
    )
    page = open_page("build", spec=to_link(spec))
    assert draft_of(page).good == spec
    assert page.number_input(key=key_of(page, "train.epochs")).value == 70
    set_number(page, key_of(page, "train.epochs"), 90)
    assert from_link(page.query_params["spec"]).train.epochs == 90


def test_a_damaged_link_is_a_sentence_and_changes_nothing(open_page: OpenPage) -> None:
    page = open_page("build", spec="eJxnonsense")
    assert ">The link could not be used. The link is damaged: it holds no spec.</p>" in texts(page)
    assert draft_of(page).good == PRESETS["first-look"].spec


def test_a_link_with_a_wrong_number_names_the_field(open_page: OpenPage) -> None:
    spec = PRESETS["report"].spec
    wrong = spec.model_copy(update={"train": spec.train.model_copy(update={"epochs": 0})})
    page = open_page("build", spec=to_link(wrong))
    assert "rain.epochs = 0: must be at least 1" in texts(page)


def test_an_unknown_preset_or_run_in_the_address_is_a_sentence(open_page: OpenPage) -> None:
    assert "no preset “nothing”" in texts(open_page("build", preset="nothing"))
    assert "no run “../etc” to clone" in texts(open_page("build", clone="../etc"))


def test_a_run_is_cloned_into_the_form(open_page: OpenPage) -> None:
    run_id = create_run(PRESETS["resnet20"].spec)
    assert draft_of(open_page("build", clone=run_id)).good == PRESETS["resnet20"].spec


def test_an_address_that_was_just_replaced_does_not_undo_an_edit(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    old = page.query_params["spec"]
    set_number(page, key_of(page, "train.epochs"), 9)
    # A browser that has not heard of the new address sends the old one with its next event.
    page.query_params["spec"] = old
    page.run()
    assert draft_of(page).good.train.epochs == 9


def test_late_news_of_a_replaced_widget_changes_nothing(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    late = key_of(page, "train.epochs")
    choose_preset(page, "resnet20")
    assert not draft_of(page).is_current(late)
    assert draft_of(page).good == PRESETS["resnet20"].spec


def test_over_the_budget_is_said_and_fit_brings_it_under(open_page: OpenPage) -> None:
    page = open_page("build", preset="resnet18")
    assert "6,173,962 over the budget" in texts(page)
    press(page, "Fit to budget")
    assert 4_500_000 < parameters_shown(page) <= 5_000_000
    assert "over the budget" not in texts(page)


def test_a_budget_too_small_for_any_width_is_said(open_page: OpenPage) -> None:
    page = open_page("build")
    page.number_input(key="budget").set_value(1).run()
    press(page, "Fit to budget")
    assert any("the budget is 1" in problem for problem in problems_shown(page))


def test_json_is_taken_in(open_page: OpenPage) -> None:
    page = open_page("build")
    page.text_area[0].set_value(PRESETS["report"].spec.model_dump_json()).run()
    press(page, "Use this spec")
    assert draft_of(page).good == PRESETS["report"].spec


def test_wrong_json_is_named_and_leaves_the_form(open_page: OpenPage) -> None:
    page = open_page("build")
    page.text_area[0].set_value(json.dumps({"train": {"epochs": 0, "epoch": 3}})).run()
    press(page, "Use this spec")
    said = problems_shown(page)
    assert "train.epochs must be at least 1." in said
    assert any("did you mean epochs?" in sentence for sentence in said)
    assert draft_of(page).good == PRESETS["first-look"].spec


@pytest.mark.usefixtures("started")
def test_start_makes_one_run_of_the_spec_shown(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    switched = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, **kwargs: switched.append((page, kwargs)))
    page = open_page("build")
    set_number(page, key_of(page, "train.epochs"), 3)
    page.text_input(key="build.name").set_value("  my net ").run()
    for _ in range(3):
        press(page, "Start")
    runs = list_runs()
    assert [(run.name, run.epochs) for run in runs] == [("my net", 3)]
    assert switched[0] == ("run.py", {"query_params": {"id": runs[0].id}})


def test_a_data_set_that_is_not_here_is_offered_for_download(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    assert "Start" not in labels(page)
    assert "Download (170 MB)" in labels(page)
    assert "CIFAR-10 is not on this machine yet." in texts(page)


def test_an_image_folder_is_counted_and_a_missing_one_is_said(open_page: OpenPage, lab_folders: Path) -> None:
    folder = lab_folders / "pictures"
    page = open_page("build")
    page.selectbox(key=key_of(page, "data.dataset")).select("folder").run()
    assert "Folder: name the folder that holds the images." in problems_shown(page)
    page.text_input(key=key_of(page, "data.folder")).set_value(str(folder)).run()
    assert any(str(folder) in sentence for sentence in problems_shown(page))
    for name in ("cat", "dog", "owl"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            (folder / name / f"{number}.png").write_bytes(TINY_PNG)
    page.text_input(key=key_of(page, "data.folder")).set_value(f"{folder}/").run()
    assert problems_shown(page) == []
    assert draft_of(page).good.data.num_classes == 3
    assert "3 classes" in texts(page)


def test_samples_are_asked_for_once_for_the_same_images(open_page: OpenPage, pictures: list[dict[str, object]]) -> None:
    page = open_page("build")
    set_number(page, key_of(page, "train.epochs"), 3)
    assert len(pictures) == 1
    set_number(page, key_of(page, "augment.crop_padding"), 1)
    assert len(pictures) == 2
    asked = RunSpec.model_validate_json(str(pictures[1]["spec_json"]))
    assert asked.augment.crop_padding == 1


def test_tags_are_read_each_once() -> None:
    assert read_tags(" se, baseline,,se ") == ("se", "baseline")
