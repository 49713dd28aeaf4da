"""A number is what was typed, or is refused with the text as it was typed."""

from streamlit.testing.v1 import AppTest

from core.spec.parse import FieldProblem
from pages.parts.frame.numbers import read_whole, say, say_problem, write_number
from tests.pages.conftest import texts


def test_numbers_are_written_with_the_digits_that_say_them() -> None:
    shown = [write_number(value) for value in (None, 16, 0.001, 1e-5, 0.1 + 0.2, 5.0, "0,01")]
    assert shown == ["", "16", "0.001", "1e-05", "0.3", "5", "0,01"]


def test_a_whole_number_is_read_or_refused_by_what_is_wrong() -> None:
    assert read_whole("Seeds", " 12 ", 2, 20) == 12
    assert read_whole("Seeds", "1e1", 2, 20) == "Seeds must be a whole number, not “1e1”."
    assert read_whole("Seeds", "", 2, 20) == "Seeds must be a whole number."
    assert read_whole("Seeds", "1", 2, 2000) == "Seeds must be from 2 to 2,000."
    assert read_whole("Trials", "-1", 0) == "Trials must be at least 0."


def test_problems_read_as_sentences() -> None:
    assert say("Epochs", "must be at least 1") == "Epochs must be at least 1."
    assert say("Stride", "the map here is only 2x2") == "Stride: the map here is only 2x2."
    assert say("train.epoch", "is no field of a spec; did you mean epochs?").endswith("epochs?")
    shown = say_problem("Rate", FieldProblem("rate", "must be a number", "0,01"))
    assert shown == "Rate must be a number, not “0,01”; write decimals with a point."
    assert say_problem("Name", FieldProblem("name", "must be text", 5)) == "Name must be text."


def test_a_box_refuses_below_itself_and_keeps_what_was_typed() -> None:
    def show() -> None:
        import streamlit as st

        from pages.parts.frame.numbers import ask_whole

        st.markdown(f"got {ask_whole('Seeds', 5, 2, 20, key='seeds')}")

    page = AppTest.from_function(show).run()
    assert page.markdown[0].value == "got 5"
    page.text_input(key="seeds").set_value("1,5").run()
    assert page.markdown[0].value == "got None"
    assert page.text_input(key="seeds").value == "1,5"
    assert "Seeds must be a whole number, not “1,5”" in texts(page)
