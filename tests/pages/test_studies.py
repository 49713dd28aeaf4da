"""The Studies page defines, shows and steers studies; nothing it asks for is lost or done twice."""

from __future__ import annotations

import json

import pytest

from core.spec.link import from_link, to_link
from core.spec.presets import PRESETS
from core.studies.space import default_dimension
from core.studies.spec import STUDY_PRESETS, describe_space, parse_study, propose
from core.studies.storage import StudyError
from core.studies.study import list_studies, open_study
from pages.parts.studies.draft import around, list_paths, pack, unpack
from pages.parts.studies.space import read_numbers
from server.dashboard import Dashboard
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.sample_runs import make_run
from tests.pages.sample_studies import SPACE, make_spec, make_study


def address(page, name: str) -> str:  # type: ignore[no-untyped-def]
    """A parameter of the page's address, which is a list where the page has set it."""
    value = page.query_params[name]
    return value if isinstance(value, str) else value[0]


def defined(page):  # type: ignore[no-untyped-def]
    """The study that the page's address holds."""
    return unpack(address(page, "new"))


def widget(kind, label: str):  # type: ignore[no-untyped-def]
    return next(found for found in kind if found.label == label)


def rows(page) -> list[dict]:  # type: ignore[no-untyped-def]
    return component_data(page, "resnet_lab_run_table")[0]["rows"]


def figure(page) -> dict:  # type: ignore[no-untyped-def]
    return json.loads(component_data(page, "resnet_lab_chart")[0]["figure"])


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list:
    """The pages that were switched to, with their parameters, in place of going there."""
    found: list = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: found.append((page, query_params)))
    return found


# The list ----------------------------------------------------------------------------------------------------------


def test_without_a_study_the_page_says_what_one_does_and_offers_two(open_page) -> None:
    page = open_page("studies")
    assert "No studies yet" in texts(page)
    assert labels(page) == ["Define a study", "Run the student report's"]


def test_the_list_tells_state_best_and_how_far(open_page) -> None:
    make_study("done")
    make_study("young", 0, make_spec())
    found = {row["name"]: row for row in rows(open_page("studies", sort="name"))}
    assert list(found) == ["done", "young"]
    assert found["done"]["cells"]["best"] == "0.2000"
    assert found["done"]["cells"]["epoch"] == "11/12"  # the twelfth was over the budget, and counts as none
    assert found["young"]["state"]["label"] == "Not started"


def test_a_storage_that_cannot_be_used_is_told_in_a_sentence(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LAB_STORAGE", "nonsense://user:secret@somewhere/db")
    text = texts(open_page("studies"))
    assert "SQLAlchemy knows no such database" in text
    assert "secret" not in text


# A new study -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(STUDY_PRESETS))
def test_a_preset_stands_in_the_form_as_it_is(open_page, name: str) -> None:
    page = open_page("studies", new=name)
    assert defined(page) == STUDY_PRESETS[name]
    assert not widget(page.button, "Only make it").disabled


def test_the_size_of_the_space_is_the_one_that_is_searched(open_page) -> None:
    size, text = describe_space(STUDY_PRESETS["report"]), texts(open_page("studies", new="report"))
    assert f"{size.smallest_parameters:,}" in text
    assert f"{size.largest_parameters:,}" in text
    assert "over the budget" in text


def test_a_definition_may_begin_with_a_run_a_preset_or_a_damaged_link(open_page) -> None:
    run = make_run(name="base", settings=("train.epochs=7", "model.dropout=0.25"))
    assert defined(open_page("studies", new=f"run:{run.id}")).base == run.spec
    assert defined(open_page("studies", new="preset:report")).base == PRESETS["report"].spec
    assert "damaged" in texts(open_page("studies", new="eJxnonsense"))
    assert "no such run" in texts(open_page("studies", new="run:20990101-000000-000-000000"))


def test_another_field_is_searched_within_its_own_range(open_page) -> None:
    page = open_page("studies", new=pack(around(PRESETS["first-look"].spec)))
    widget(page.selectbox, "Search another field").set_value("model.layers[1].channels").run()
    dimension = defined(page).space[-1]
    assert dimension.path == "model.layers[1].channels"
    assert dimension.low < PRESETS["first-look"].spec.model.layers[1].channels < dimension.high
    assert "Layer 2 channels" in texts(page)
    # All layers at once would overlap with one of them.
    options = widget(page.selectbox, "Search another field").options
    assert not any(option.startswith("All layers: channels") for option in options)


def test_a_range_becomes_choices_and_then_a_fixed_value_of_the_network(open_page) -> None:
    page = open_page("studies", new="first-look")
    mode = widget(page.selectbox, "How to search Learning rate")
    mode.set_value("choices").run()
    widget(page.text_input, "Choices of Learning rate").set_value("0.001; 0.01").run()
    assert defined(page).space[0].choices == (0.001, 0.01)
    widget(page.selectbox, "How to search Learning rate").set_value("fixed").run()
    widget(page.number_input, "Value of Learning rate").set_value(0.004).run()
    study = defined(page)
    assert "train.learning_rate" not in [dimension.path for dimension in study.space]
    assert study.base.train.learning_rate == 0.004


@pytest.mark.parametrize(
    ("label", "value", "message"),
    [
        ("Learning rate from", 0.5, "Learning rate (to) must be above low, 0.5"),
        ("Learning rate to", 1e6, "Learning rate (to) must be at most 100"),
        ("All layers: blocks to", 900, "All layers: blocks (to) must be at most 64"),
        ("Trials", 0, "Trials: a study needs a number of trials or a time limit"),
        ("Epochs a trial", 0, "Epochs a trial must be at least 1"),
        ("Workers", 0, "Workers must be at least 1"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(open_page, label: str, value, message: str) -> None:  # type: ignore[no-untyped-def]
    page = open_page("studies", new="first-look")
    before = address(page, "new")
    widget(page.number_input, label).set_value(value).run()
    text = texts(page)
    assert message in text, text
    assert "Mend this before it can start" in text
    assert widget(page.button, "Start").disabled
    assert widget(page.number_input, label).value == value
    assert address(page, "new") == before


def test_a_grid_needs_steps_and_says_so_at_the_range(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.selectbox, "Sampler").set_value("grid").run()
    assert "Learning rate (step): a grid needs a step here, or choices" in texts(page)
    assert "Learning rate, Dropout" in texts(page)


def test_a_grid_that_is_too_large_says_how_large_and_is_not_started(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.selectbox, "Sampler").set_value("grid").run()
    widget(page.checkbox, "Learning rate logarithmic").set_value(False).run()
    widget(page.number_input, "Learning rate step").set_value(1e-4).run()
    widget(page.number_input, "Dropout step").set_value(0.001).run()
    assert "The search space makes a grid of 1,352,700 points; at most 100,000" in texts(page)
    assert widget(page.button, "Start").disabled


def test_a_storage_that_goes_away_leaves_the_definition_as_it_is(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page("studies", new="first-look")
    widget(page.number_input, "Trials").set_value(7).run()
    monkeypatch.setenv("RESNET_LAB_STORAGE", "postgresql+psycopg://lab:secret@127.0.0.1:1/lab")
    page.run()
    assert "postgresql+psycopg://lab:***@127.0.0.1:1/lab cannot be used" in texts(page)
    assert defined(page).trials == widget(page.number_input, "Trials").value == 7
    press(page, "Only make it")
    assert "cannot be used" in texts(page)
    assert defined(page).trials == 7


def test_several_objectives_switch_the_pruner_off(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.multiselect, "Objectives").set_value(["val/accuracy", "parameters"]).run()
    assert (defined(page).objectives, defined(page).pruner) == (("val/accuracy", "parameters"), "none")
    widget(page.multiselect, "Objectives").set_value(["parameters"]).run()
    assert "Objectives must hold val/loss or val/accuracy" in texts(page)


def test_the_pruner_goes_on_to_fit_the_training_until_another_warm_up_is_chosen(open_page) -> None:
    page = open_page("studies", new="report")
    widget(page.number_input, "Epochs a trial").set_value(6).run()
    assert defined(page).pruner_warmup_epochs == 2
    widget(page.number_input, "Pruner waits (epochs)").set_value(4).run()
    widget(page.number_input, "Epochs a trial").set_value(30).run()
    assert defined(page).pruner_warmup_epochs == 4


def test_a_study_whose_images_are_not_here_says_so_before_it_is_made(open_page) -> None:
    page = open_page("studies", new="report")
    assert "CIFAR-10 is not on this machine yet" in texts(page)
    assert widget(page.button, "Start").disabled
    assert not widget(page.button, "Only make it").disabled
    assert list_studies() == []


def test_the_network_is_edited_on_build_and_comes_back_into_the_same_study(open_page, switched: list) -> None:
    page = open_page("studies", new="report")
    widget(page.number_input, "Trials").set_value(7).run()
    press(page, "Edit the network")
    (built,) = switched
    assert built[0] == "build.py"
    assert from_link(built[1]["spec"]) == STUDY_PRESETS["report"].base


def test_an_empty_space_is_told(open_page) -> None:
    page = open_page("studies", new=pack(parse_study({"space": SPACE[:1]})))
    press(page, "Remove Learning rate")
    assert "The search space is empty: choose at least one field to search" in texts(page)
    assert widget(page.button, "Start").disabled


def test_making_a_study_keeps_it_as_defined_and_refuses_its_name_a_second_time(open_page) -> None:
    page = open_page("studies", new="first-look")
    widget(page.text_input, "Name").set_value("mine").run()
    press(page, "Only make it")
    assert [study.name for study in list_studies()] == ["mine"]
    assert open_study("mine").spec == STUDY_PRESETS["first-look"]
    page = open_page("studies", new="first-look")
    widget(page.text_input, "Name").set_value("mine").run()
    press(page, "Only make it")
    assert "there is a study named mine already" in texts(page)


def test_start_makes_the_study_and_asks_for_its_workers_once(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    define = "pages.parts.studies.define"
    monkeypatch.setattr(f"{define}.start_workers", lambda name, count=None: asked.append((name, count)))
    page = open_page("studies", new="first-look")
    widget(page.number_input, "Workers").set_value(3).run()
    press(page, "Start")
    assert asked == [("first-look 1", 3)]
    # A name that is free is suggested for the next.
    assert widget(open_page("studies", new="first-look").text_input, "Name").placeholder == "first-look 2"


def test_a_packed_study_survives_the_address() -> None:
    for study in (*STUDY_PRESETS.values(), make_spec(objectives=["val/accuracy", "minutes"], seed=7, workers=3)):
        assert unpack(pack(study)) == study


def test_every_field_that_is_offered_can_be_searched() -> None:
    base = PRESETS["report"].spec
    for path in list_paths(base):
        study = around(base).model_dump(mode="json")
        study["space"] = [default_dimension(base, path).model_dump(mode="json")]
        parse_study(study)


def test_numbers_are_read_as_they_are_written() -> None:
    assert read_numbers("16, 32;64") == [16, 32, 64]
    assert read_numbers("1e-3, 0.1") == [0.001, 0.1]
    assert read_numbers("16, many") == [16, "many"]


# One study ---------------------------------------------------------------------------------------------------------


def test_an_unknown_study_leads_back(open_page) -> None:
    page = open_page("studies", name="nobody")
    assert "no such study" in texts(page)
    assert "All studies" in labels(page)


def test_a_study_without_trials_says_what_to_do_next(open_page) -> None:
    make_study("young", 0, make_spec())
    page = open_page("studies", name="young")
    assert "Start it" in texts(page)
    assert "Start" in labels(page)


def test_counts_and_best_are_those_of_the_trials(open_page) -> None:
    make_study("done")
    text = texts(open_page("studies", name="done"))
    assert "<b>11</b> of 12 trials" in text
    assert "best <b>0.2000</b>" in text
    assert "2 pruned" in text
    assert "1 infeasible" in text


@pytest.mark.parametrize(
    "plot",
    ["History", "Importance", "Slice", "Contour", "Parallel Coordinate", "Rank", "Timeline", "Intermediate Values"],
)
def test_the_address_opens_each_of_optunas_figures(open_page, plot: str) -> None:
    make_study("done")
    page = open_page("studies", name="done", plot=plot)
    chart = component_data(page, "resnet_lab_chart")
    assert [found["title"] for found in chart] == [plot]
    assert figure(page)["data"]


def test_pruned_trials_and_the_scale_follow_the_address(open_page) -> None:
    make_study("done")
    ids = {trace["uid"] for trace in figure(open_page("studies", name="done"))["data"]}
    assert ids == {"best", "pruned", "finished"}
    shown = figure(open_page("studies", name="done", pruned="false", log="true"))
    assert {trace["uid"] for trace in shown["data"]} == {"best", "finished"}
    assert shown["layout"]["yaxis"]["type"] == "log"


def test_a_study_of_several_objectives_begins_with_its_pareto_front(open_page) -> None:
    make_study("several", spec=make_spec(objectives=["val/loss", "parameters"]))
    page = open_page("studies", name="several")
    assert component_data(page, "resnet_lab_chart")[0]["title"] == "Pareto Front"


def test_a_trial_of_the_address_is_shown_with_the_way_to_build(open_page, switched: list) -> None:
    spec = make_study("done")
    page = open_page("studies", name="done", trial="3")
    assert "<b>Trial 3</b> · Validation loss 0.2000" in texts(page)
    press(page, "Open in Build")
    trial = open_study("done").frozen_trials()[3]
    assert switched[0][0] == "build.py"
    assert from_link(switched[0][1]["spec"]) == propose(spec, trial.params)


def test_a_trial_with_a_run_leads_to_it(open_page, switched: list) -> None:
    run = make_run(name="of the study")
    make_study("done", run_id=run.id)
    page = open_page("studies", name="done", trial="3")
    found = {row["name"]: row for row in rows(page)}
    assert found["Trial 3"]["links"] == {"run": f"run?id={run.id}"}
    assert found["Trial 2"]["links"] == {}
    press(page, "Open run")
    press(page, "Open in Build")
    assert switched == [("run.py", {"id": run.id}), ("build.py", {"spec": to_link(run.spec)})]


def test_an_infeasible_trial_keeps_its_reason(open_page) -> None:
    make_study("done")
    assert "over the budget" in texts(open_page("studies", name="done", trial="11"))
    row = next(row for row in rows(open_page("studies", name="done")) if row["name"] == "Trial 11")
    assert row["state"]["label"] == "Infeasible"
    assert row["cells"]["value0"] == "–"


def test_trials_are_sorted_by_any_column_and_those_without_a_value_come_last(open_page) -> None:
    make_study("done")
    names = [row["name"] for row in rows(open_page("studies", name="done", sort="value0"))]
    assert names[0] == "Trial 3"
    assert names[-1] == "Trial 11"
    names = [row["name"] for row in rows(open_page("studies", name="done", sort="-value0"))]
    assert names[-1] == "Trial 11"
    assert rows(open_page("studies", name="done"))[0]["name"] == "Trial 11"


def test_what_was_learnt_is_said_and_leads_to_a_narrower_study(open_page) -> None:
    make_study("done", 24)
    page = open_page("studies", name="done")
    assert open_study("done").words()[0] in texts(page).replace("&#x27;", "'")
    press(page, "Narrow the space")
    assert defined(page) == open_study("done").narrow()


def test_a_clone_begins_with_the_same_definition(open_page) -> None:
    spec = make_study("done")
    page = press(open_page("studies", name="done"), "Clone")
    assert defined(page) == spec


def test_workers_are_started_added_and_stopped_from_the_page(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple] = []
    for name in ("start_workers", "set_workers", "stop_study"):
        monkeypatch.setattr(f"pages.parts.studies.actions.{name}", lambda *args, name=name: asked.append((name, *args)))
    make_study("open", 5, make_spec(trials=20))
    page = open_page("studies", name="open")
    page.button(key="workers.more").click().run()
    press(page, "Resume")
    assert asked == [("start_workers", "open", 2)]


def test_what_cannot_be_done_is_said_where_it_was_asked(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, count: int) -> None:
        raise StudyError("CIFAR-10 is not on this machine yet.")

    monkeypatch.setattr("pages.parts.studies.actions.start_workers", refuse)
    make_study("open", 5, make_spec(trials=20))
    assert "CIFAR-10 is not on this machine yet." in texts(press(open_page("studies", name="open"), "Resume"))


def test_the_dashboard_is_offered_started_and_stopped(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [Dashboard("stopped")]
    for place in ("actions", "live"):
        monkeypatch.setattr(f"pages.parts.studies.{place}.find_dashboard", lambda: states[-1])
    monkeypatch.setattr(
        "pages.parts.studies.actions.start_dashboard", lambda: states.append(Dashboard("running", "http://here:1"))
    )
    monkeypatch.setattr("pages.parts.studies.actions.stop_dashboard", lambda: states.append(Dashboard("stopped")))
    make_study("done")
    page = press(open_page("studies", name="done"), "Start optuna-dashboard")
    links = [link.proto.url for link in page.get("link_button")]
    assert links == [f"http://here:1/dashboard/studies/{open_study('done').optuna()._study_id}"]
    assert "Start optuna-dashboard" in labels(press(page, "Stop optuna-dashboard"))


def test_names_and_reasons_are_text(open_page) -> None:
    make_study("<b>bold</b>")
    assert "<b>bold</b>" not in texts(open_page("studies", name="<b>bold</b>"))
