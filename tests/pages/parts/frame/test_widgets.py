"""What several pages share: parts that wait, pages of a list, one of a few options, and the way on."""

import pytest
from streamlit.elements.lib import policies
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import press, texts


def run(show, **address: str) -> AppTest:  # type: ignore[no-untyped-def]
    page = AppTest.from_function(show)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def test_a_part_renews_itself_only_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def show(under_way: list[str]) -> None:
        import streamlit as st

        from pages.parts.frame.widgets import renew_while

        renew_while(lambda: bool(under_way), lambda: st.html("waits" if under_way else "done"), 0.2)

    intervals: list[float | None] = []
    monkeypatch.setattr("streamlit.fragment", lambda part, run_every: (intervals.append(run_every), part)[1])
    under_way = ["a job"]
    page = AppTest.from_function(show, args=(under_way,)).run()
    assert texts(page) == "waits"
    under_way.clear()
    assert texts(page.run()) == "done"
    assert intervals == [0.2, None]


def test_a_part_that_failed_asks_once_and_not_at_every_rerun() -> None:
    def show(asked: list[str]) -> None:
        import streamlit as st

        from pages.parts.frame.widgets import renew_while

        if "answer" not in st.session_state:
            asked.append("asked")
            st.session_state.answer = iter((True, False))  # under way, then over

        def show_failure() -> None:
            st.html("It could not be made.")
            del st.session_state.answer  # so that the next visit asks again

        renew_while(lambda: next(st.session_state.answer, False), show_failure)

    asked: list[str] = []
    page = AppTest.from_function(show, args=(asked,)).run()
    assert texts(page) == "It could not be made."
    assert asked == ["asked"]


@pytest.mark.parametrize(
    ("count", "page", "shown"), [(3, "1", "0:5"), (12, "1", "0:5"), (12, "3", "10:15"), (0, "1", "0:5")]
)
def test_a_long_list_is_turned_by_the_address(count: int, page: str, shown: str) -> None:
    def show(count: int) -> None:
        import streamlit as st

        from pages.parts.frame.widgets import turn_pages

        rows = turn_pages(count, 5, "page")
        st.html(f"{rows.start}:{rows.stop}")

    opened = AppTest.from_function(show, args=(count,))
    opened.query_params["page"] = page
    opened.run()
    assert not opened.exception, opened.exception
    assert texts(opened) == shown


@pytest.mark.parametrize(("address", "chosen"), [({}, "last"), ({"which": "Best"}, "best"), ({"which": "x"}, "last")])
def test_one_of_a_few_is_chosen_by_the_address(address: dict[str, str], chosen: str) -> None:
    def show() -> None:
        import streamlit as st

        from pages.parts.frame.widgets import choose

        st.html(choose("Which", {"best": "Best", "last": "Last"}, "which", "last"))

    assert texts(run(show, **address)) == chosen


def test_a_link_may_name_an_option_by_its_word_and_the_address_keeps_the_choice() -> None:
    def show() -> None:
        import streamlit as st

        from pages.parts.frame.widgets import choose

        st.html(choose("Which", {"best": "Best", "last": "Last"}, "which", "last"))

    page = run(show, which="best")
    assert texts(page) == "best"
    assert texts(page.run()) == "best"
    assert page.query_params == {"which": "Best"}
    assert texts(page.run()) == "best"


@pytest.mark.parametrize("address", [{}, {"which": "best"}, {"which": "Best"}])
def test_a_choice_among_options_one_of_which_is_empty_logs_nothing(
    monkeypatch: pytest.MonkeyPatch, address: dict[str, str]
) -> None:
    def show() -> None:
        from pages.parts.frame.widgets import choose

        choose("Which", {"": "All", "best": "Best"}, "which", "")

    logged: list[object] = []
    monkeypatch.setattr(policies, "_shown_default_value_warning", False)
    monkeypatch.setattr(policies._LOGGER, "warning", lambda *words, **_: logged.append(words))
    page = run(show, **address)
    page.run()
    page.run()
    assert logged == []


def test_the_way_on_leads_to_another_page_and_ends_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        import streamlit as st

        from pages.parts.frame.widgets import ALL_RUNS, show_way_on

        show_way_on("There is no such run.", *ALL_RUNS)
        st.html("never shown")

    switched: list[str] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: switched.append(page))
    page = run(show)
    assert "There is no such run." in texts(page)
    assert "never shown" not in texts(page)
    press(page, "All runs")
    assert switched == ["runs.py"]
