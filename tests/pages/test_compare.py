"""The Compare page shows what its address names, the first as the baseline, and a sentence for all that is missing."""

import csv
import io
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import Future
from html import unescape
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.charts.figure import Drawing, lay_out, to_json
from core.charts.palette import run_colour
from core.compare.figures import FIGURES
from core.compare.lines import CURVES, Curve, Part
from core.compare.snapshot import look_at
from core.compare.table import write_csv
from core.compare.units import Unit, make_units
from core.data.store import DataError
from core.runs.folder import Run
from core.stats.significance import compare_paired, verdict
from pages.parts.compare import gallery
from pages.parts.compare.curves import show_drawing
from pages.parts.compare.tabs import TABS
from tests.compared_runs import make_compared, right
from tests.pages.conftest import component_data, press, texts
from tests.pages.sample_runs import make_run, training

CHART = "resnet_lab_chart"


def address_of(*runs: Run) -> str:
    return ",".join(run.id for run in runs)


def table(page: AppTest) -> dict[str, Any]:
    return component_data(page, "resnet_lab_compare_table")[0]


def names(page: AppTest) -> list[str]:
    return [row["name"] for row in table(page)["rows"]]


def choose(page: AppTest, label: str, value: Any) -> AppTest:
    """Sets the control that reads so."""
    kinds = ("selectbox", "toggle", "multiselect", "button_group")
    control = next(each for kind in kinds for each in page.get(kind) if each.label == label)
    control.set_value(value).run()
    assert not page.exception, page.exception
    return page


def test_without_a_run_the_page_leads_to_build(open_page) -> None:
    assert "No runs yet" in texts(open_page("compare"))


def test_without_ids_all_runs_can_be_ticked_and_the_latest_are_one_click(open_page) -> None:
    runs = [make_run(name=f"run {number}", settings=(f"train.epochs={number + 5}",)) for number in range(12)]
    page = open_page("compare")
    listed = component_data(page, "resnet_lab_run_table")[0]
    assert len(listed["rows"]) == 12
    assert listed["selected"] == []
    press(page, "Latest 10")
    assert page.query_params["ids"] == address_of(*runs[:1:-1])
    assert names(page) == [f"run {number}" for number in range(11, 1, -1)]


def test_the_list_is_searched_and_filtered_by_the_address(open_page) -> None:
    make_run(name="wide net")
    make_run("stopped", name="deep net", preset="report", settings=("train.epochs=5",))

    def listed(**address: str) -> list[str]:
        page = open_page("compare", **address)
        tables = component_data(page, "resnet_lab_run_table")
        return [row["name"] for row in tables[0]["rows"]] if tables else []

    assert listed(q="WIDE") == ["wide net"]
    assert listed(state="Stopped") == ["deep net"]
    assert listed(data="CIFAR-10") == ["deep net"]
    assert listed(q="nothing like it") == []


def test_the_first_run_of_the_address_is_the_baseline(open_page) -> None:
    a, b = make_run(name="a", top=0.7), make_run(name="b", top=0.9, settings=("train.epochs=6",))
    rows = table(open_page("compare", ids=address_of(b, a)))["rows"]
    assert [(row["name"], row["baseline"]) for row in rows] == [("b", True), ("a", False)]
    best = rows[1]["cells"][0]
    assert (best["text"], best["difference"], best["tone"]) == ("70.00 %", "-20.00", "low")
    assert rows[0]["cells"][0]["difference"] == ""
    assert rows[0]["colour"] == run_colour(b.id)


def test_another_run_is_made_the_baseline_and_the_address_follows(open_page) -> None:
    a, b, c = (make_run(name=name, settings=(f"train.epochs={5 + place}",)) for place, name in enumerate("abc"))
    page = open_page("compare", ids=address_of(a, b, c))
    choose(page, "Baseline", c.id)
    assert page.query_params["ids"] == address_of(c, a, b)
    assert names(page) == ["c", "a", "b"]


def test_seeds_fold_into_a_row_with_mean_spread_and_count(open_page) -> None:
    runs = [make_compared(None, seed=seed, top=top, name=f"a seed {seed}") for seed, top in enumerate((0.7, 0.8, 0.9))]
    page = open_page("compare", ids=address_of(*runs))
    (row,) = table(page)["rows"]
    assert (row["name"], row["about"]) == ("a", "3 seeds · finished")
    assert (row["cells"][0]["text"], row["cells"][0]["spread"]) == ("80.00 %", "± 10.00")
    assert "bands ± one standard deviation: a n = 3" in texts(page)
    assert "bands ± one standard error" in texts(open_page("compare", ids=address_of(*runs), band="± standard error"))
    apart = open_page("compare", ids=address_of(*runs), fold="false")
    assert names(apart) == ["a seed 0", "a seed 1", "a seed 2"]
    assert "bands" not in texts(apart)


def test_order_columns_and_epoch_come_from_the_address(open_page) -> None:
    a, b = make_run(name="a", top=0.7), make_run(name="b", top=0.9, settings=("train.epochs=6",))
    page = open_page("compare", ids=address_of(a, b), sort="-val/accuracy", pick="Last", columns="Val. accuracy")
    assert names(page) == ["b", "a"]
    assert [column["label"] for column in table(page)["columns"]] == ["Run", "Last val. accuracy"]
    assert table(page)["rows"][0]["cells"][0]["text"] == "89.00 %"


def test_charts_follow_the_address_and_say_what_they_hide(open_page) -> None:
    a, b = make_run(name="a"), make_run(name="b", settings=("train.epochs=6",))
    page = open_page("compare", ids=address_of(a, b), metric="Loss", x="step", log="true", training="false")
    (chart,) = component_data(page, CHART)
    figure = json.loads(chart["figure"])
    assert chart["title"] == "Loss"
    assert [trace["name"] for trace in figure["data"]] == ["a", "b"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "step"
    assert figure["layout"]["yaxis"]["type"] == "log"


def test_a_deleted_and_a_damaged_run_get_a_sentence_and_the_rest_stays(open_page) -> None:
    kept, deleted, damaged = (make_run(name=name) for name in ("kept", "deleted", "damaged"))
    page = open_page("compare", ids=address_of(deleted, kept, damaged), fold="false")
    assert names(page) == ["deleted", "kept", "damaged"]
    shutil.rmtree(deleted.path)
    (damaged.path / "spec.json").write_text("{")
    page.run()
    assert not page.exception
    assert names(page) == ["kept"]
    assert f"There is no run {deleted.id}: it may have been deleted." in texts(page)
    assert f"The run {damaged.id} is left out" in texts(page)


@pytest.mark.parametrize("ids", ["nope", "../../etc/passwd", ",,,", "<script>alert(1)</script>", "a" * 20_000])
def test_an_address_of_nothing_gets_a_sentence_or_the_list(open_page, ids: str) -> None:
    make_run()
    text = texts(open_page("compare", ids=ids))
    assert "There is no run" in text or "Tick the runs" in text
    assert "<script>" not in text


@pytest.mark.parametrize("tab", ["Curves", "What differs", "Is it better?", "Scatter", "Parallel", "Disagreements"])
def test_a_name_is_text_on_every_tab(open_page, tab: str) -> None:
    name = "<img src=x onerror=alert(1)> *a* :red[b]"
    runs = [make_compared(right(15, 20), name=name), make_compared(right(9, 20), name="b", settings=["train.epochs=4"])]
    text = texts(open_page("compare", ids=address_of(*runs), tab=tab))
    assert "<img src=x" not in text


def test_a_run_without_an_epoch_is_named_beside_the_curves(open_page) -> None:
    live, done = make_run("interrupted", epochs_done=0, name="waits"), make_run(name="done")
    with training(live):
        assert "No epoch yet: waits." in texts(open_page("compare", ids=address_of(done, live), fold="false"))
        assert "begin with the first epoch" in texts(open_page("compare", ids=live.id))


def test_only_what_differs_is_shown_with_the_baselines_value(open_page) -> None:
    a, b = make_run(name="a"), make_run(name="b", settings=("train.epochs=7",))
    page = open_page("compare", ids=address_of(a, b), tab="What differs")
    assert 'Epochs</th><td>5</td><td class=other title="Baseline: 5">7</td>' in texts(page)
    assert "Batch size" not in texts(page)
    choose(page, "All fields", True)
    assert "Batch size" in texts(page)
    one = open_page("compare", ids=address_of(a), tab="What differs")
    assert "One run differs from none." in texts(one)


def test_the_verdict_is_the_sentence_of_the_statistics(open_page) -> None:
    a, b = right(150, 200, 1), right(120, 200, 2)
    runs = [make_compared(b, name="B"), make_compared(a, name="A", settings=["train.epochs=4"])]
    page = open_page("compare", ids=address_of(*runs), tab="Is it better?")
    assert verdict(compare_paired(a, b), "A", "B").replace("<", "&lt;") in texts(page)
    assert "A against B" in texts(page)
    (chart,) = component_data(page, CHART)
    assert json.loads(chart["figure"])["data"][0]["x"] == [15]


def test_a_lone_run_says_what_to_choose(open_page) -> None:
    run = make_run()
    for tab in ("Is it better?", "Disagreements"):
        assert "Choose another run" in texts(open_page("compare", ids=run.id, tab=tab))


def test_another_data_set_is_told_before_anything_else(open_page) -> None:
    a, b = make_run(name="a"), make_run(name="b", preset="report", settings=("train.epochs=5",))
    assert "b: another data set" in texts(open_page("compare", ids=address_of(a, b)))


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Stands for the helper process: every place gets its own bytes. Returns the places that were asked for."""
    asked: list[tuple[int, ...]] = []

    def answer(target: str, *, places: tuple[int, ...], **rest: Any) -> Future[list[bytes]]:
        assert target == "core.engine.preview:image_strip"
        assert rest["part"] == "test"
        asked.append(places)
        future: Future[list[bytes]] = Future()
        future.set_result([b"image %d" % place for place in places])
        return future

    monkeypatch.setattr(gallery, "call", answer)
    return asked


@pytest.fixture
def company() -> dict[str, Run]:
    """Two sound runs among all that a comparison may have to bear."""
    runs = {
        "base": make_compared(right(150, 200, 1), name="base"),
        "sound": make_compared(right(120, 200, 2), name="sound", settings=["train.epochs=4"]),
        "silent": make_run(name="silent", settings=("train.epochs=6",)),  # no predictions
        "photos": make_run(name="photos", preset="report", settings=("train.epochs=5",)),
        "split": make_compared(right(90, 200, 3), name="split", settings=["data.split_seed=7"]),
        "broken": make_compared(right(90, 200, 4), name="broken", settings=["train.epochs=8"]),
        "odd": make_compared(right(90, 200, 5), name="odd", settings=["train.epochs=9"]),
        "gone": make_compared(right(90, 200, 6), name="gone", settings=["train.epochs=3"]),
    }
    (runs["odd"].path / "predictions" / "test_last.npy").write_bytes(b"no array")
    return runs


@pytest.mark.parametrize("tab", ["Curves", "What differs", "Is it better?", "Scatter", "Parallel", "Disagreements"])
def test_what_cannot_be_compared_is_told_at_its_place_and_the_rest_stays(open_page, company, pictures, tab) -> None:
    ids = address_of(*company.values())
    page = open_page("compare", ids=ids, tab=tab)
    # While it is shown, one is deleted and one is damaged.
    shutil.rmtree(company["gone"].path)
    (company["broken"].path / "spec.json").write_text("{")
    page.run()
    assert not page.exception, page.exception
    text = unescape(texts(page))
    assert f"There is no run {company['gone'].id}: it may have been deleted." in text
    assert f"The run {company['broken'].id} is left out, because it cannot be read: spec.json" in text
    assert "photos: another data set than the baseline's (CIFAR-10 instead of Digits (built in))" in text
    assert "split: other test and validation images than the baseline's" in text
    match tab:
        case "Curves":
            assert names(page) == ["base", "sound", "silent", "photos", "split", "odd"]
        case "Is it better?":
            assert "base is better by 15.0 points" in text
            assert "silent has no test predictions stored." in text
            assert "photos is of another data set (CIFAR-10) than the baseline (Digits (built in))" in text
            assert "The two were tested on different images" in text
            assert "odd has no test predictions stored" in text
        case "Disagreements":
            assert "of 200 test images" in text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("silent", "silent has no test predictions stored."),
        ("photos", "photos has no test predictions stored."),
        ("split", "base and split were tested on different images."),
        ("odd", "odd has no test predictions stored."),
    ],
)
def test_a_gallery_that_cannot_be_says_why(open_page, company, pictures, name: str, sentence: str) -> None:
    page = open_page("compare", ids=address_of(company["base"], company[name]), tab="Disagreements")
    assert sentence in texts(page)
    assert pictures == []


def test_axes_of_the_scatter_come_from_the_address_with_their_sources(open_page) -> None:
    runs = [make_run(preset=name, settings=("train.epochs=5",)) for name in ("report", "resnet18")]
    page = open_page("compare", ids=address_of(*runs), tab="Scatter")
    assert "He et al. 2015, arXiv:1512.03385" in texts(page)
    page = open_page("compare", ids=address_of(*runs), tab="Scatter", sx="Minutes", sy="Val. accuracy")
    (chart,) = component_data(page, CHART)
    assert chart["title"] == "Best val. accuracy by minutes"
    assert "He et al." not in texts(page)


def test_parallel_coordinates_show_the_chosen_fields(open_page) -> None:
    runs = [make_run(settings=("train.epochs=5", f"train.learning_rate={rate}")) for rate in (0.01, 0.1)]
    (chart,) = component_data(open_page("compare", ids=address_of(*runs), tab="Parallel"), CHART)
    assert json.loads(chart["figure"])["layout"]["xaxis"]["ticktext"] == ["Learning rate", "Best val. accuracy"]


def test_the_gallery_shows_the_images_that_one_gets_right_and_the_other_wrong(open_page, pictures) -> None:
    a, b = right(40, 60, 1), right(30, 60, 2)
    runs = [make_compared(a, name="A"), make_compared(b, name="B", settings=["train.epochs=4"])]
    page = open_page("compare", ids=address_of(*runs), tab="Disagreements")
    expected = set(np.flatnonzero(a & ~b).tolist())
    assert set(pictures[0]) == expected
    assert f"<b>{len(expected)}</b> of 60 test images" in texts(page)
    place = pictures[0][0]
    assert f'title="Test image {place}"' in texts(page)
    assert f"<b>digit {place % 10}</b>" in texts(page)
    assert f"digit {(place + 1) % 10}</span>" in texts(page)
    press(page, "Swap")
    assert set(pictures[-1]) == set(np.flatnonzero(b & ~a).tolist())


def test_the_gallery_of_groups_tells_seeds_and_mean_confidences(open_page, pictures) -> None:
    a = [right(40, 60, seed) for seed in (1, 2, 3)]
    b = [right(25, 60, seed) for seed in (4, 5, 6)]
    runs = [make_compared(correct, seed=seed, name="A") for seed, correct in enumerate(a)]
    runs += [make_compared(correct, seed=seed, name="B", settings=["train.epochs=4"]) for seed, correct in enumerate(b)]
    page = open_page("compare", ids=address_of(*runs), tab="Disagreements")
    expected = np.flatnonzero((np.sum(a, 0) >= 2) & (np.sum(b, 0) <= 1))
    assert f"<b>{len(expected)}</b> of 60 test images" in texts(page)
    assert "most of the 3 seeds of" in texts(page)
    assert set(pictures[0]) == set(expected.tolist())
    assert "3/3 · " in texts(page)
    assert "2 of 3 seeds say so" in texts(page)
    apart = open_page("compare", ids=address_of(*runs), tab="Disagreements", fold="false")
    assert "seeds of" not in texts(apart)
    assert f"<b>{np.sum(a[0] & ~b[0])}</b> of 60 test images" in texts(apart)


def test_a_gallery_without_predictions_says_why(open_page, pictures) -> None:
    runs = [make_compared(right(15, 20), name="A"), make_run(name="B", settings=("train.epochs=4",))]
    assert "B has no test predictions stored" in texts(open_page("compare", ids=address_of(*runs), tab="Disagreements"))
    assert pictures == []


def test_images_that_cannot_be_had_leave_the_words(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    future: Future[list[bytes]] = Future()
    future.set_exception(DataError("The folder is gone."))
    monkeypatch.setattr(gallery, "call", lambda *_, **__: future)
    runs = [make_compared(right(15, 20), name="A"), make_compared(right(9, 20), name="B", settings=["train.epochs=4"])]
    text = texts(open_page("compare", ids=address_of(*runs), tab="Disagreements"))
    assert "The folder is gone." in text
    assert "compare-gallery" in text


def test_the_csv_holds_means_deviations_and_counts() -> None:
    runs = [make_compared(None, seed=seed, top=top, name=f"=a seed {seed}") for seed, top in enumerate((0.7, 0.9))]
    units = make_units(look_at(run.id for run in runs).runs, fold=True)
    (row,) = csv.DictReader(io.StringIO(write_csv(units, FIGURES[:1], "best")))
    assert row["name"] == "'=a"
    assert row["runs"] == " ".join(run.id for run in runs)
    assert float(row["val/accuracy (best)"]) == pytest.approx(0.8)
    assert float(row["val/accuracy (best) sd"]) == pytest.approx(np.std([0.7, 0.9], ddof=1))
    assert row["val/accuracy (best) n"] == "2"


def test_a_chart_and_a_metric_from_outside_are_shown_as_the_others_are(
    open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/EXTENDING.md tells."""

    def draw_epochs(units: Sequence[Unit]) -> Drawing:
        bars = {"type": "bar", "x": [unit.name for unit in units], "y": [len(unit.first.rows) for unit in units]}
        return Drawing(to_json([bars], lay_out("Epochs done", "", 1)), "Epochs done")

    def show_epochs(units: Sequence[Unit]) -> None:
        show_drawing(draw_epochs(units), key="compare.epochs", height=300)

    monkeypatch.setitem(TABS, "Epochs", show_epochs)
    monkeypatch.setitem(CURVES, "seconds", Curve("Seconds", (Part("seconds", "trained for"),), ",.0f", unit=" s"))
    runs = [make_run(name=name) for name in ("a", "b")]
    (chart,) = component_data(open_page("compare", ids=address_of(*runs), fold="false", tab="Epochs"), CHART)
    assert chart["title"] == "Epochs done"
    assert json.loads(chart["figure"])["data"][0]["y"] == [5, 5]
    (chart,) = component_data(open_page("compare", ids=address_of(*runs), fold="false", metric="Seconds"), CHART)
    figure = json.loads(chart["figure"])
    assert [trace["name"] for trace in figure["data"]] == ["a", "b"]
    assert figure["layout"]["meta"] == {"nearest": ",.0f", "unit": " s"}
