"""The run that is examined is chosen once and stays."""

import time

from core.imports.keep import publish_foreign
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.examined import make_examined
from tests.pages.conftest import labels, texts
from tests.pages.examine_page import matrix_of
from tests.pages.sample_runs import add_checkpoint


def test_the_newest_run_is_shown_where_the_address_names_none(open_page) -> None:
    make_examined(name="older")
    newest = make_examined(name="newest")
    page = open_page("examine")
    assert page.query_params["id"] == newest.id
    assert "kind 3" in matrix_of(page)["classes"]


def test_runs_of_other_tools_are_neither_shown_nor_offered(open_page) -> None:
    """They hold no network: one that was imported last took the page away from all others."""
    publish_foreign(make_foreign(), MAPPING)
    assert labels(open_page("examine")) == ["Build a network"]
    for name in ("first", "second"):
        run = make_examined(name=name)
    publish_foreign(make_foreign(key="later", name="later", started=time.time() + 60), MAPPING)
    page = open_page("examine", tab="Own images")
    assert page.query_params["id"] == run.id
    lists = {box.label: " ".join(box.options) for box in (*page.selectbox, *page.multiselect)}
    for label in ("Run", "Together with"):
        assert "first" in lists[label]
        assert "later" not in lists[label]


def test_a_run_that_was_compared_with_is_not_held_against_itself(open_page) -> None:
    run, other = make_examined(name="one"), make_examined(name="two")
    for each in (run, other):
        add_checkpoint(each)
    page = open_page("examine", id=run.id, tab="Image", other=other.id)
    assert texts(page).count('class="lab-chances"') == 2
    page.selectbox[0].set_value(other.id).run()
    assert not page.exception
    assert page.query_params["id"] == other.id
    assert texts(page).count('class="lab-chances"') == 1


def test_what_a_list_shows_of_a_run_stays_while_it_goes_on(open_page) -> None:
    """A list knows its choice by the text: where that changed, the choices that hang on it were lost."""
    run = make_examined("interrupted", name="mine")
    add_checkpoint(run)
    page = open_page("examine", id=run.id, weights="last", cell="3-3")
    before = [box.options for box in page.selectbox]
    rows = (run.path / "metrics.jsonl").read_bytes()
    (run.path / "metrics.jsonl").write_bytes(rows + rows.splitlines(keepends=True)[-1].replace(b"0.8", b"0.99"))
    manifest = run.path / "checkpoints" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"epoch": 5', '"epoch": 6'))
    page.run()
    assert [box.options for box in page.selectbox] == before
    assert page.query_params["weights"] == "last"
    assert page.query_params["cell"] == "3-3"
