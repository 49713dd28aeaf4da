"""Views of the table of runs: saved under a name, opened by a click."""

from core.runs.views import read_views, save_view
from pages.parts.run.columns import GROUP_KEY
from tests.pages.conftest import labels, press, texts
from tests.pages.runs_page import names, table
from tests.pages.sample_runs import make_run


def test_a_view_brings_back_search_columns_and_order(open_page) -> None:
    for name, top in (("a", 0.7), ("b", 0.9), ("c", 0.8)):
        make_run(name=name, top=top, tags=["kept"] if name != "c" else [])
    page = open_page("runs", q="tag:kept", sort="best", columns="best")
    page.text_input(key="views.name").set_value("The kept")
    press(page, "Save what is shown")
    assert read_views() == {"The kept": {"columns": ["best"], "q": ["tag:kept"], "sort": ["best"]}}
    fresh = open_page("runs")
    assert names(fresh) == ["c", "b", "a"]
    press(fresh, "The kept")
    assert names(fresh) == ["a", "b"]
    assert [column["name"] for column in table(fresh)["columns"]] == ["name", "best"]
    assert fresh.query_params["sort"] == "best"


def test_a_view_without_columns_has_the_usual_ones(open_page) -> None:
    make_run(name="a")
    save_view("usual", {"q": ["a"]})
    page = open_page("runs", columns="best", group="seeds")
    press(page, "usual")
    assert len(table(page)["columns"]) > 5
    assert page.selectbox(key=GROUP_KEY).value is None


def test_a_view_without_a_name_is_refused_in_a_sentence(open_page) -> None:
    make_run(name="a")
    page = open_page("runs")
    press(page, "Save what is shown")
    assert "name has 1 to 60 letters." in texts(page)


def test_a_view_is_renamed_in_its_row_and_stays_as_it_is(open_page) -> None:
    make_run(name="a")
    for name in ("old", "taken"):
        save_view(name, {"q": [name]})
    page = open_page("runs")
    page.button(key="view.rename.0").click().run()
    page.text_input(key="views.new.old").set_value("taken")
    press(page, "Rename")
    assert "There is a view taken already." in texts(page)
    assert page.text_input(key="views.new.old").value == "taken"
    page.text_input(key="views.new.old").set_value("new")
    press(page, "Rename")
    assert [toast.value for toast in page.toast] == ["View renamed."]
    assert read_views() == {"new": {"q": ["old"]}, "taken": {"q": ["taken"]}}
    assert {"new", "taken"} <= set(labels(page))
    page.button(key="view.rename.1").click().run()
    press(page, "Keep the name")
    assert "Rename" not in labels(page)


def test_a_view_says_that_it_took_the_place_of_another(open_page) -> None:
    make_run(name="a")
    page = open_page("runs")
    for said in ("View saved.", "View saved, in place of the one of this name."):
        page.text_input(key="views.name").set_value("mine")
        press(page, "Save what is shown")
        assert [toast.value for toast in page.toast] == [said]
