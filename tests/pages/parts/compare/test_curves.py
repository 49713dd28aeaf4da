"""Curves follow the address and name the runs that have none."""

import json

from tests.pages.compare_page import address_of
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import make_run, training

CHART = "resnet_lab_chart"


def test_charts_follow_the_address_and_say_what_they_hide(open_page) -> None:
    a, b = make_run(name="a"), make_run(name="b", settings=("train.epochs=6",))
    page = open_page("compare", ids=address_of(a, b), metric="Loss", x="step", log="true", training="false")
    (chart,) = component_data(page, CHART)
    figure = json.loads(chart["figure"])
    assert chart["title"] == "Loss"
    assert [trace["name"] for trace in figure["data"]] == ["a", "b"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "step"
    assert figure["layout"]["yaxis"]["type"] == "log"


def test_a_run_without_an_epoch_is_named_beside_the_curves(open_page) -> None:
    live, done = make_run("interrupted", epochs_done=0, name="waits"), make_run(name="done")
    with training(live):
        assert "No epoch yet: waits." in texts(open_page("compare", ids=address_of(done, live), fold="false"))
        assert "begin with the first epoch" in texts(open_page("compare", ids=live.id))
