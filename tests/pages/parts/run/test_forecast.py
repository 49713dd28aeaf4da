"""The forecast on Run: a fan on each curve, and in a sentence how far to trust it; of an ended run neither."""

import json

from tests.core.compare.drawn import unpack
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import make_run

HALF_WAY = ("train.epochs=10",)


def test_a_run_half_way_has_a_fan_and_says_how_often_such_fans_held(open_page) -> None:
    page = open_page("run", id=make_run("stopped", settings=HALF_WAY).id)
    text = texts(page)
    assert "Forecast for epoch 10, 80 %: validation accuracy between" in text
    assert "72 trainings recorded elsewhere" in text
    loss, accuracy, *_ = (json.loads(chart["figure"]) for chart in component_data(page, "resnet_lab_chart"))
    for chart in (loss, accuracy):
        (fan,) = [trace for trace in chart["data"] if trace["uid"].endswith("-fan")]
        assert fan["x"] == [5, 10, 10, 5]
        (line,) = [trace for trace in chart["data"] if trace["name"] == "validation"]
        assert fan["y"][0] == fan["y"][-1]
        assert abs(fan["y"][0] - unpack(line["y"])[-1]) < 1e-6
        assert fan["y"][1] < fan["y"][2]


def test_over_minutes_there_is_no_fan(open_page) -> None:
    page = open_page("run", id=make_run("stopped", settings=HALF_WAY).id, x="minutes")
    loss = json.loads(component_data(page, "resnet_lab_chart")[0]["figure"])
    assert not [trace for trace in loss["data"] if trace["uid"].endswith("-fan")]


def test_a_run_that_has_ended_has_no_forecast(open_page) -> None:
    for run in (make_run(), make_run("failed", epochs_done=4, settings=HALF_WAY)):
        assert "Forecast for" not in texts(open_page("run", id=run.id))


def test_the_chance_to_beat_the_best_is_told_by_its_name(open_page) -> None:
    make_run(name="the best so far", settings=HALF_WAY, epochs_done=10)
    text = texts(open_page("run", id=make_run("stopped", settings=HALF_WAY).id))
    assert "Chance to end above the best so far, the best finished run on the same images (89.0 %):" in text
