"""Runs are found by words, state, data set and tag."""

import pytest

from tests.pages.conftest import press, texts
from tests.pages.runs_page import names
from tests.pages.sample_runs import make_run


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ({"q": "WIDE"}, ["wide net"]),
        ({"q": "net wide"}, ["wide net"]),
        ({"q": "paper"}, ["deep net"]),
        ({"state": "Stopped"}, ["wide net"]),
        ({"tag": "paper"}, ["deep net"]),
        ({"data": "CIFAR-10"}, ["wide net"]),
        ({"archived": "true"}, ["old net", "wide net", "deep net"]),
        ({}, ["wide net", "deep net"]),
    ],
)
def test_search_and_filters_come_from_the_address(open_page, address: dict[str, str], found: list[str]) -> None:
    make_run(name="deep net", tags=["paper"])
    make_run("stopped", name="wide net", preset="report", settings=("train.epochs=7",), epochs_done=3)
    make_run(name="old net", archived=True)
    assert names(open_page("runs", **address)) == found


def test_a_search_that_finds_nothing_says_so_and_can_be_cleared(open_page) -> None:
    make_run(name="here")
    page = open_page("runs", q="nowhere")
    assert "No runs match" in texts(page)
    assert names(press(page, "Show all runs")) == ["here"]


def test_a_search_that_cannot_be_read_is_told_with_its_place_and_hides_nothing(open_page) -> None:
    make_run(name="here")
    page = open_page("runs", q="rate = a&b")
    assert "<mark>rate</mark>" in texts(page)
    assert "a&amp;b</code> There is no field rate" in texts(page)
    assert names(page) == ["here"]
