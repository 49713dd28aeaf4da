"""A draft follows its widgets and its address, and neither undoes the other."""

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.imports.keep import publish_foreign
from core.runs.store import open_run
from core.spec.cost import cost_of
from core.spec.link import from_link, to_link
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.core.imports.foreign_runs import MAPPING, make_foreign
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
from tests.pages.conftest import press, texts
from tests.pages.parts.build.conftest import TINY_PNG

OpenPage = Callable[..., AppTest]


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
    shown = [page.text_input(key=layer_key(page, place, "channels")).value for place in range(4)]
    assert shown == ["32", "32", "256", "512"]


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
    assert page.text_input(key=key_of(page, "train.epochs")).value == "70"
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


def test_a_damaged_run_that_is_to_be_cloned_is_a_sentence_with_its_reason(open_page: OpenPage) -> None:
    run = open_run(create_run(PRESETS["resnet20"].spec))
    (run.path / "spec.json").write_text("{")
    page = open_page("build", clone=run.id)
    assert f"The run “{run.id}” cannot be cloned. Spec.json: " in texts(page)
    assert draft_of(page).good == PRESETS["first-look"].spec


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
    assert "3 classes: cat, dog, owl." in texts(page)


def test_build_starts_from_what_is_known_of_an_imported_run(open_page: Callable[..., AppTest]) -> None:
    configuration = {"lr": "0.05", "batch_size": 64, "optimizer": "torch.optim.SGD", "width": 32, "epochs": 10**9}
    page = open_page("build", clone=publish_foreign(make_foreign(configuration=configuration), MAPPING))
    train = page.session_state["build.draft"].good.train
    assert (train.learning_rate, train.batch_size, train.optimizer) == (0.05, 64, "sgd")
    assert "Not understood, and left out: width, epochs." in texts(page)
