"""A definition begins anywhere, survives its address, and stays valid."""

from __future__ import annotations

from core.imports.keep import publish_foreign
from core.spec.presets import PRESETS
from core.studies.space import default_dimension
from core.studies.spec import STUDY_PRESETS, parse_study
from pages.parts.studies.draft import around, list_paths, pack, unpack
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.conftest import texts
from tests.pages.sample_runs import make_run
from tests.pages.sample_studies import make_spec
from tests.pages.studies_page import defined, widget


def test_a_definition_may_begin_with_a_run_a_preset_or_a_damaged_link(open_page) -> None:
    run = make_run(name="base", settings=("train.epochs=7", "model.dropout=0.25"))
    assert defined(open_page("studies", new=f"run:{run.id}")).base == run.spec
    assert defined(open_page("studies", new="preset:report")).base == PRESETS["report"].spec
    assert "damaged" in texts(open_page("studies", new="eJxnonsense"))
    assert "no such run" in texts(open_page("studies", new="run:20990101-000000-000-000000"))


def test_a_run_of_another_tool_is_not_offered_and_a_link_to_it_says_why(open_page) -> None:
    """It has no spec: when it was chosen from the list, nothing happened and nothing was said."""
    run_id = publish_foreign(make_foreign(name="elsewhere"), MAPPING)
    page = open_page("studies", new=f"run:{run_id}")
    assert "The link could not be used. This run was imported from TensorBoard and has no spec" in texts(page)
    assert not [text for text in widget(page.selectbox, "Start from").options if "elsewhere" in text]


def test_of_two_runs_of_one_name_the_chosen_one_is_searched_around(open_page) -> None:
    """The browser names what was chosen by its label alone."""
    runs = [make_run(name="twin", settings=(f"train.epochs={epochs}",)) for epochs in (7, 9)]
    page = open_page("studies", new="first-look")
    for run in runs:
        widget(page.selectbox, "Start from").set_value(f"run:{run.id}").run()
        assert defined(page).base == run.spec


def test_the_pruner_goes_on_to_fit_the_training_until_another_warm_up_is_chosen(open_page) -> None:
    page = open_page("studies", new="report")
    widget(page.text_input, "Epochs a trial").set_value("6").run()
    assert defined(page).pruner_warmup_epochs == 2
    widget(page.text_input, "Pruner waits (epochs)").set_value("4").run()
    widget(page.text_input, "Epochs a trial").set_value("30").run()
    assert defined(page).pruner_warmup_epochs == 4


def test_a_packed_study_survives_the_address() -> None:
    for study in (*STUDY_PRESETS.values(), make_spec(objectives=["val/accuracy", "minutes"], seed=7, workers=3)):
        assert unpack(pack(study)) == study


def test_every_field_that_is_offered_can_be_searched() -> None:
    base = PRESETS["report"].spec
    for path in list_paths(base):
        study = around(base).model_dump(mode="json")
        study["space"] = [default_dimension(base, path).model_dump(mode="json")]
        parse_study(study)
