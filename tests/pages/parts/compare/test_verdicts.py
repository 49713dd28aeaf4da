"""Verdicts: in one line above the curves, and each with its sentence and interval."""

import json
import re

from streamlit.testing.v1 import AppTest

from core.stats.significance import compare_paired, verdict
from tests.compared_runs import make_compared, right
from tests.pages.compare_page import address_of
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import make_run

CHART = "resnet_lab_chart"


def test_the_verdict_is_the_sentence_of_the_statistics(open_page) -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    runs = [make_compared(b, name="B"), make_compared(a, name="A", settings=["train.epochs=4"])]
    page = open_page("compare", ids=address_of(*runs), tab="Is it better?")
    assert verdict(compare_paired(a, b), "A", "B").replace("<", "&lt;") in texts(page)
    assert "A against B" in texts(page)
    (chart,) = component_data(page, CHART)
    assert json.loads(chart["figure"])["data"][0]["x"] == [15]


def read_line(text: str) -> str:
    """The words of the line above the curves; empty if there is none."""
    found = re.search(r'<p class="compare-outcome".*?</p>', text)
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split()) if found else ""


def read_looks(page: AppTest) -> list[str]:
    return re.findall(r'<div class="compare-verdict (\w+)">', texts(page))


def test_who_is_better_is_the_first_thing_said(open_page) -> None:
    base, better, worse, level = right(100, 200, 1), right(180, 200, 2), right(40, 200, 3), right(101, 200, 1)
    runs = [
        make_compared(correct, name=name, settings=[f"train.epochs={4 + place}"])
        for place, (name, correct) in enumerate(
            {"base <b>": base, "worse": worse, "better": better, "level": level}.items()
        )
    ]
    photos = [make_run(name=f"p{n}", preset="report", settings=(f"train.epochs={n}",)) for n in (5, 6)]
    text = texts(open_page("compare", ids=address_of(*runs, *photos)))
    assert read_line(text) == (
        "On test, against base &lt;b&gt; 1 better better +40.00 points 1 worse worse -30.00 points "
        "1 not settled level +0.50 points "
        "2 cannot be compared"
    )
    assert read_looks(open_page("compare", ids=address_of(*runs), tab="Is it better?")) == ["worse", "better", "open"]
    # What does not compare is one card, a reason a line.
    assert text.count('class="lab-callout"') == 1


def test_of_many_the_line_names_the_first(open_page) -> None:
    runs = [
        make_compared(right(150 - 20 * n, 200, n), name=f"r{n}", settings=[f"train.epochs={4 + n}"]) for n in range(6)
    ]
    line = read_line(texts(open_page("compare", ids=address_of(*runs))))
    assert re.search(r"\d worse r1 -10\.00 points r2 -20\.00 points r3 -30\.00 points and 2 more", line), line


def test_nothing_is_said_before_a_test(open_page) -> None:
    runs = [make_run("stopped", name=name, settings=(f"train.epochs={n}",)) for n, name in ((6, "a"), (7, "b"))]
    assert read_line(texts(open_page("compare", ids=address_of(*runs)))) == ""
    assert read_line(texts(open_page("compare", ids=runs[0].id))) == ""
