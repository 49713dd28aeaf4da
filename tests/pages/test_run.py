"""The page of one run says what the run did, how it was measured, and how to do it again."""

import json
import re
import shutil

import pytest

from core.charts.palette import pick_ink
from core.runs.place import write_place
from core.runs.store import open_run
from tests.examined import make_unvalidated
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.sample_runs import make_run, training


@pytest.mark.parametrize("run_id", ["", "20260101-000000-000-abcdef", "../../etc/passwd", "%00"])
def test_an_address_without_a_run_gets_a_sentence_and_the_way_back(open_page, run_id: str) -> None:
    page = open_page("run", id=run_id) if run_id else open_page("run")
    (sentence,) = re.findall(r'<p class="lab-alert told" role="status">(.*?)</p>', texts(page))
    assert "run" in sentence
    assert labels(page) == ["All runs"]


def test_a_damaged_run_names_its_reason_and_can_be_deleted(open_page) -> None:
    run = make_run()
    (run.path / "spec.json").write_text("{")
    page = open_page("run", id=run.id)
    assert "spec.json" in texts(page)
    assert labels(page) == ["All runs", "Delete"]
    assert page.code[0].value == str(run.path)


def test_a_run_deleted_while_it_is_shown_gets_the_way_back(open_page) -> None:
    run = make_run()
    page = open_page("run", id=run.id)
    shutil.rmtree(run.path)
    page.run()
    assert not page.exception
    assert labels(page) == ["All runs"]


def test_a_run_that_held_no_images_out_says_so(open_page) -> None:
    run = make_unvalidated()
    text = texts(open_page("run", id=run.id, tab="Summary"))
    assert "no images were held out, so no epoch was chosen" in text
    assert "Nothing was chosen, as no images were held out" in text
    assert "Best validation accuracy" not in text


def test_progress_shows_the_step_and_the_time_left(open_page) -> None:
    run = make_run(epochs_done=2)
    progress = {"epoch": 3, "step": 12, "steps": 24, "phase": "train", "loss": 0.5, "seconds_left": 75.0}
    (run.path / "progress.json").write_text(json.dumps(progress))
    with training(run):
        text = texts(open_page("run", id=run.id))
    assert "width:50.00%" in text  # two epochs and a half of five
    assert "step 12 of 24" in text
    assert "1 min 15 s left" in text


@pytest.mark.parametrize(("phase", "told"), [("loading", "loading images"), ("train", "starting")])
def test_before_the_first_step_no_number_of_steps_is_made_up(open_page, phase: str, told: str) -> None:
    run = make_run(epochs_done=0)
    (run.path / "progress.json").write_text(json.dumps({"epoch": 1, "step": 0, "steps": 1, "phase": phase}))
    with training(run):
        text = texts(open_page("run", id=run.id))
    assert f"0 % · {told}<" in text
    assert "step 0" not in text


def test_a_run_that_waits_for_a_cluster_that_is_gone_says_so(open_page) -> None:
    run = make_run("interrupted", epochs_done=0)
    write_place(run.path, {})
    (run.path / "environment.json").unlink()
    with training(run):
        assert "No cluster is up" in texts(open_page("run", id=run.id))


def test_name_tags_and_note_are_kept(open_page) -> None:
    run = make_run(name="before", tags=["old"])
    page = open_page("run", id=run.id, tab="Summary")
    page.text_input(key=f"name.{run.id}").set_value("after").run()
    page.multiselect(key=f"tags.{run.id}").set_value([]).run()
    page.text_area(key=f"note.{run.id}").set_value("what I saw").run()
    about = open_run(run.id).about
    assert (about.name, about.tags, about.note) == ("after", (), "what I saw")
    page.text_input(key=f"name.{run.id}").set_value("  ").run()
    assert open_run(run.id).about.name == run.id


def test_a_run_deleted_between_two_looks_of_the_live_part_gets_the_way_back(
    open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    page = open_page("run", id=run.id)
    monkeypatch.setattr("core.runs.store.open_run", lambda _: run)
    shutil.rmtree(run.path)
    page.run()
    assert not page.exception
    assert labels(page) == ["All runs"]


def test_a_chosen_colour_is_kept_and_can_be_given_back(open_page) -> None:
    run = make_run()
    own = pick_ink(run.id)
    page = open_page("run", id=run.id)
    assert own.css in texts(page)
    page.color_picker[0].set_value("#123456").run()
    assert run.about.colour == "#123456"
    assert pick_ink(run.id, "#123456").css in texts(page)
    assert "Its own colour" in labels(page)
    press(page, "Its own colour")
    assert run.about.colour == ""
    assert (page.color_picker[0].value, own.css in texts(page)) == (own.light, True)


def test_downloads_are_called_by_the_name_of_the_run(open_page) -> None:
    run = make_run(name="Größe 2: wide/net")
    page = open_page("run", id=run.id)
    stem = f"Groe-2-wide-net-{run.id[-6:]}"
    charts = component_data(page, "resnet_lab_chart")
    assert charts[0]["file_name"] == f"{stem}-loss"


def test_a_run_can_be_held_against_others_from_its_page(open_page) -> None:
    page = open_page("run", id=make_run().id)
    assert "Compare" in labels(page)
    assert "Compare" not in labels(open_page("run", id=make_run("stopped", epochs_done=0).id))
