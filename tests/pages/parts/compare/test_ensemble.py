"""The compared runs as an ensemble: its row, its verdicts and its files."""

import pytest

from core.compare.ensembles import find_ensemble
from core.export.formats import FORMATS
from core.text.formats import format_percent
from tests.compared_runs import look, make_compared, right
from tests.pages.compare_page import address_of, choose, names, table
from tests.pages.conftest import labels, texts
from tests.pages.sample_runs import make_run


def make_three():
    return [make_compared(right(150 + seed, 200, seed), seed=seed, name=f"net seed {seed}") for seed in range(3)]


def test_the_tab_has_its_row_its_verdicts_and_its_files(open_page) -> None:
    runs = make_three()
    found = find_ensemble(look(*runs), "last")
    page = open_page("compare", ids=address_of(*runs), tab="Ensemble")
    text = texts(page)
    whole = found.rows()[0]
    assert f"<td><b>Ensemble of 3 runs</b></td><td><b>{format_percent(whole.accuracy.value)}</b></td>" in text
    for _, _, sentence in found.verdicts():
        assert sentence.replace("<", "&lt;") in text
    assert found.tell_budget() in text
    for key in ("predict", "ensemble-onnx"):
        assert FORMATS[key].title in text
    assert labels(page).count("Download") >= 2


def test_one_run_and_runs_without_predictions_are_a_sentence(open_page) -> None:
    page = open_page("compare", ids=address_of(make_run(name="a"), make_run(name="b")), tab="Ensemble", fold="false")
    assert "An ensemble needs two runs with test predictions." in texts(page)
    assert "a has no test predictions stored" in texts(page)


@pytest.mark.parametrize("tab", ["Curves", "Is it better?", "Scatter", "Disagreements", "Parallel", "What differs"])
def test_it_stands_as_a_row_wherever_it_has_a_place(open_page, tab: str) -> None:
    runs = make_three()
    page = open_page("compare", ids=address_of(*runs), tab=tab, fold="false")
    choose(page, "Ensemble", True)
    if tab == "Curves":
        assert names(page) == [*(run.about.name for run in runs), "Ensemble of 3 runs"]
        last = table(page)["rows"][-1]
        assert (last["fixed"], last["href"], last["about"]) == (True, "", "mean of their probabilities")
        assert "No epoch yet" not in texts(page)
    if tab == "Is it better?":
        assert "Ensemble of 3 runs against net seed 0" in texts(page)


def test_where_there_can_be_none_the_page_says_so(open_page) -> None:
    page = open_page("compare", ids=address_of(make_run(name="a"), make_run(name="b")), fold="false")
    choose(page, "Ensemble", True)
    assert "An ensemble needs two runs" in texts(page)
