"""The Compare page shows what its address names, the first as the baseline, and a sentence for all that is missing."""

import shutil

import pytest

from tests.pages.compare_page import address_of, names
from tests.pages.conftest import labels, texts
from tests.pages.sample_runs import make_run


def test_an_empty_lab_shows_what_can_be_done_next_and_nothing_else(open_page) -> None:
    page = open_page("compare")
    assert "No runs yet" in texts(page)
    assert "Tick the runs" not in texts(page)
    assert labels(page) == ["Build a network"]
    run = make_run("stopped", epochs_done=0)  # can be ticked, though it has no epoch to show
    page = open_page("compare")
    assert "Tick the runs" in texts(page)
    assert "Latest 10" not in labels(page)
    make_run()
    assert "Latest 10" in labels(open_page("compare"))
    assert "Latest 10" in labels(open_page("compare", ids=run.id))


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


def test_another_data_set_is_told_before_anything_else(open_page) -> None:
    a, b = make_run(name="a"), make_run(name="b", preset="report", settings=("train.epochs=5",))
    assert "b: another data set" in texts(open_page("compare", ids=address_of(a, b)))
