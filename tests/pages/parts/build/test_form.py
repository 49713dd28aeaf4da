"""The form follows `core.spec.fields`: every field that has an effect can be set, and shows its range and help."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.spec import SECTIONS
from core.spec.fields import fields_of, flatten
from core.spec.presets import PRESETS
from pages.parts.build.form import COUNTED_FIELDS, name_field
from tests.pages.build_page import draft_of, key_of, layer_key, problems_shown, set_number, widget_keys
from tests.pages.conftest import press

OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.parts.build.samples.is_ready", lambda data: False)


@pytest.mark.parametrize("preset", ["first-look", "report", "resnet20"])
def test_every_field_that_has_an_effect_has_a_widget(open_page: OpenPage, preset: str) -> None:
    page = open_page("build", preset=preset)
    values = draft_of(page).values
    wanted = {
        field.path
        for section in SECTIONS
        for field in fields_of(section)
        if field.kind != "layers" and field.name not in COUNTED_FIELDS and field.applies(values[section])
    }
    rows = draft_of(page).rows
    wanted |= {f"layer{row}.{field.name}" for row in rows for field in fields_of("layers[]")}
    assert widget_keys(page) - {"preset"} == wanted


def test_widgets_hold_the_values_of_the_spec(open_page: OpenPage) -> None:
    page = open_page("build", preset="resnet56")
    spec = flatten(PRESETS["resnet56"].spec)
    assert page.text_input(key=key_of(page, "train.learning_rate")).value == "0.1" == str(spec["train.learning_rate"])
    assert page.text_input(key=key_of(page, "train.milestones")).value == "91, 136"
    assert page.selectbox(key=key_of(page, "train.optimizer")).value == "sgd"
    assert page.toggle(key=key_of(page, "train.nesterov")).value is False
    assert page.slider(key=key_of(page, "data.val_fraction")).value == 0.1
    assert page.text_input(key=layer_key(page, 2, "blocks")).value == "9"


def test_all_images_are_shown_as_all_and_can_be_asked_for_again(open_page: OpenPage) -> None:
    page = open_page("build")
    key = key_of(page, "data.max_train_images")
    assert (page.text_input(key=key).value, page.text_input(key=key).placeholder) == ("", "all")
    set_number(page, key, 300)
    assert draft_of(page).good.data.max_train_images == 300
    set_number(page, key, None)
    assert draft_of(page).good.data.max_train_images == 0


def test_a_field_without_effect_is_left_out_and_comes_back_with_its_value(open_page: OpenPage) -> None:
    page = open_page("build")
    assert "train.momentum" not in widget_keys(page)
    page.selectbox(key=key_of(page, "train.optimizer")).select("sgd").run()
    page.text_input(key=key_of(page, "train.momentum")).set_value("0.8").run()
    page.selectbox(key=key_of(page, "train.optimizer")).select("adam").run()
    assert "train.momentum" not in widget_keys(page)
    page.selectbox(key=key_of(page, "train.optimizer")).select("sgd").run()
    assert page.text_input(key=key_of(page, "train.momentum")).value == "0.8"


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("train.learning_rate", "0,01", "Learning rate must be a number, not “0,01”; write decimals with a point."),
        ("train.epochs", "1e3", "Epochs must be a whole number, not “1e3”."),
        ("train.epochs", "", "Epochs must be a whole number."),
        ("layer", "1.5", "Layer 1 channels must be a whole number, not “1.5”."),
    ],
)
def test_what_is_no_number_is_refused_at_its_field_as_it_was_typed(
    open_page: OpenPage, field: str, typed: str, told: str
) -> None:
    page = open_page("build")
    before = draft_of(page).good
    key = layer_key(page, 0, "channels") if field == "layer" else key_of(page, field)
    page.text_input(key=key).set_value(typed).run()
    assert told in problems_shown(page)
    assert page.text_input(key=key).value == typed
    assert draft_of(page).good == before
    press(page, "Add layer")
    page.text_input(key=key).set_value("24").run()
    assert problems_shown(page) == []


def test_help_tells_the_range(open_page: OpenPage) -> None:
    page = open_page("build")
    assert "From 1 to 10,000." in page.text_input(key=key_of(page, "train.epochs")).help
    assert "From 1e-08 to 100." in page.text_input(key=key_of(page, "train.learning_rate")).help


def test_milestones_are_read_from_a_list_and_a_wrong_one_is_named(open_page: OpenPage) -> None:
    page = open_page("build", preset="resnet20")
    milestones = page.text_input(key=key_of(page, "train.milestones"))
    milestones.set_value("50;100, 150").run()
    assert draft_of(page).good.train.milestones == (50, 100, 150)
    milestones = page.text_input(key=key_of(page, "train.milestones"))
    milestones.set_value("50, soon").run()
    assert "Milestones must be a whole number, not “soon”." in problems_shown(page)
    page.text_input(key=key_of(page, "train.milestones")).set_value("50, ١٢").run()
    assert "Milestones must be a whole number, not “١٢”." in problems_shown(page)


def test_a_folded_problem_unfolds_its_group(open_page: OpenPage) -> None:
    page = open_page("build")
    page.text_input(key=key_of(page, "train.warmup_epochs")).set_value("50.0").run()
    assert problems_shown(page)
    assert any(expander.proto.expanded for expander in page.expander)


def test_a_group_tells_how_many_folded_fields_are_set(open_page: OpenPage) -> None:
    page = open_page("build", preset="report")
    assert "More · 2 set" in [expander.label for expander in page.expander]


def test_a_device_that_this_machine_lacks_stays_as_it_is(open_page: OpenPage) -> None:
    page = open_page("build")
    train = draft_of(page).good.train.model_copy(update={"device": "cuda:7"})
    draft_of(page).replace(draft_of(page).good.model_copy(update={"train": train}))
    page.run()
    device = page.selectbox(key=key_of(page, "train.device"))
    assert device.value == "cuda:7"
    assert {"Auto", "cpu", "cuda:7"} <= set(device.options)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("model.layers[1].filter_size", "Layer 2 filter"),
        ("train.epochs", "Epochs"),
        ("model.layers", "Block layers"),
        ("", "The spec"),
        ("train.nothing", "train.nothing"),
    ],
)
def test_fields_are_named_as_the_form_names_them(path: str, name: str) -> None:
    assert name_field(path) == name
